"""What a replica needs, one alternative at a time, and what a place offers for it."""

from dataclasses import dataclass, field

from skyserve.model.place import Place


@dataclass(frozen=True, slots=True)
class Amount:
    """`4` (exactly) or `4+` (at least), in the unit of the field that holds it."""

    value: float
    at_least: bool = False

    def __str__(self) -> str:
        return f"{self.value:g}{'+' if self.at_least else ''}"


@dataclass(frozen=True, slots=True)
class Accelerators:
    """So many devices of one kind. `name` is the field's usual name (`A100-80GB`); case does not matter
    when it is compared. On machines of the user's own, `name` may be matched by any device whose name
    contains it."""

    name: str
    count: float = 1

    def __str__(self) -> str:
        return f"{self.name}:{self.count:g}"


@dataclass(frozen=True, slots=True)
class ResourceRequest:
    """One alternative of `resources:` after any_of, ordered and accelerator sets are expanded."""

    infra: str | None = None
    region: str | None = None
    zone: str | None = None
    instance_type: str | None = None
    cpus: Amount | None = None
    memory_gib: Amount | None = None
    accelerators: Accelerators | None = None
    use_spot: bool = False
    ports: tuple[int, ...] = ()
    max_hourly_cost: float | None = None

    def __str__(self) -> str:
        parts = [
            f"cpus={self.cpus}" if self.cpus else "",
            f"mem={self.memory_gib}" if self.memory_gib else "",
            f"{self.accelerators}" if self.accelerators else "",
        ]
        inner = ", ".join(p for p in parts if p) or "default"
        return f"{'[spot]' if self.use_spot else ''}({inner})"


@dataclass(frozen=True, slots=True)
class Offer:
    """A machine (or a share of one) that a place can give for a request, and its price.

    `machine` names the kind (an instance type), or the host on machines of the user's own.
    `hourly_usd` is 0 there. `request` is the alternative that the offer answers.
    """

    place: Place
    machine: str
    cpus: float
    memory_gib: float
    request: ResourceRequest = field(default_factory=ResourceRequest)
    accelerators: Accelerators | None = None
    spot: bool = False
    hourly_usd: float = 0.0

    def __str__(self) -> str:
        parts = [f"cpus={self.cpus:g}", f"mem={self.memory_gib:g}"]
        if self.accelerators:
            parts.append(str(self.accelerators))
        return f"{'[spot]' if self.spot else ''}({', '.join(parts)})"
