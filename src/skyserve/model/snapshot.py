"""All that a decision may know: state, observations, the time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from skyserve.model.instance import Instance
from skyserve.model.key import Key, KeyCount
from skyserve.model.load import Load
from skyserve.model.place import Place
from skyserve.model.replica import Cause, Replica
from skyserve.model.resources import Offer
from skyserve.model.route import BackendStatus
from skyserve.model.service import Service, Version


class Stage(StrEnum):
    """How far the user's task has come on a machine."""

    FILES = "files"
    SETUP = "setup"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """The user's task on all nodes of one replica."""

    stage: Stage
    exit_code: int | None = None
    """Of the stage: the first non-zero code of any node, 0 once all ended well, None while it goes on.
    A `run` that ended with 0 is no failure: its server may live on in the background."""
    detail: str = ""
    """The last lines of the log, or why files could not be sent, where the stage failed."""


@dataclass(frozen=True, slots=True)
class ProbeTally:
    """Results of probes in a row. At most one of the two is above zero."""

    passes: int = 0
    failures: int = 0
    detail: str = ""
    """What the last failed probe said."""
    trip: float | None = None
    """Seconds that it takes to connect, the least of the latest times; None: not known."""


@dataclass(frozen=True, slots=True)
class Setback:
    """The last launch or termination of a replica did not succeed."""

    cause: Cause | None
    """What the infra said, where that settles it; None: unknown whether it was done, so the same is tried again."""
    detail: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What the world showed of one replica in this pass."""

    instance: Instance | None = None
    """As its infra lists it now."""
    absent: bool = False
    """Proven: the infra answered, and the instance is not there. False also when the infra was not asked or
    could not tell."""
    unreachable_since: float | None = None
    """Its place has not answered since then."""
    task: TaskStatus | None = None
    probe: ProbeTally = ProbeTally()
    backend: BackendStatus | None = None
    """None: the endpoint does not know it."""
    launched: Instance | None = None
    """What a launch has just returned and no row holds yet."""
    setback: Setback | None = None
    """How an action on it has just failed; told once."""
    settled_at: float = 0.0
    """When the last action on it ended; 0: none since the controller started."""
    busy: bool = False
    """An action on it is under way; no other may begin."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One service at one moment."""

    now: float
    """Seconds since the epoch."""
    service: Service
    versions: tuple[Version, ...]
    """Ascending; the last is the one wanted."""
    replicas: tuple[Replica, ...]
    """All that are remembered, ascending by id, those gone too."""
    observations: Mapping[int, Observation] = field(default_factory=dict)
    """By replica id."""
    offers: tuple[Offer, ...] = ()
    """What the infras can give for the latest version; empty: nothing fits anywhere."""
    offers_before: tuple[Offer, ...] = ()
    """Likewise for the version that the update under way replaces."""
    unreachable: frozenset[Place] = frozenset()
    """Places that do not answer now."""
    load: Load | None = None
    """None: the endpoint cannot tell now, which is not the same as no load."""
    own_policy: Callable[..., object] | None = None
    """What the wanted version names to decide how many replicas; None: it names nothing. May raise anything."""
    endpoint_trouble: str = ""
    """What its user should know of the endpoint, such as that its certificate ends soon; empty when all is well."""
    keys: tuple[Key, ...] = ()
    """Its API keys, ascending by id, with what is recorded of their use."""
    key_counts: Mapping[int, KeyCount] | None = None
    """By key id: what the endpoint has counted; keys not named here were not used. None: it cannot tell now."""
    leaks: tuple[Instance, ...] = ()
    """Instances that bear this service's tag and belong to no replica that may hold a machine."""

    @property
    def version(self) -> Version:
        """The version wanted."""
        return self.versions[-1]

    def as_if_wanted(self, version: Version) -> "Snapshot":
        """How it would look if that version were the one wanted: of the present one and the one before."""
        offers = self.offers if version == self.version else self.offers_before
        return replace(self, versions=(version,), offers=offers)
