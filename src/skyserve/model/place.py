"""Where something runs: an infra, and within it a region and a zone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A failure domain that a replica can be put into.

    `infra` is the name users write in `infra:` (`local`, `ssh/<pool>`, `aws`). On machines that the
    user owns there is no region, and the zone is the host.
    """

    infra: str
    region: str = ""
    zone: str = ""

    @property
    def key(self) -> str:
        """Tells it from all other places, as one word: what is remembered by place goes to JSON."""
        return f"{self.infra}|{self.region}|{self.zone}"

    def __str__(self) -> str:
        inner = self.zone or self.region
        return f"{self.infra} ({inner})" if inner else self.infra


@dataclass(frozen=True, slots=True)
class Address:
    """Where a TCP connection goes."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
