"""`resources:`, what a replica needs, and its expansion into alternatives."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from skyserve.spec.accelerators import AcceleratorChoice, AcceleratorField
from skyserve.spec.amounts import Cpus, Memory, Size
from skyserve.spec.autostop import AutostopField
from skyserve.spec.base import AnyCase, Finding, Model, PositiveNumber, Text, invalid
from skyserve.spec.infra import Location, cloud_name, parse_infra
from skyserve.spec.ports import PortsField


class AcceleratorArgs(Model):
    """`accelerator_args:`, settings of TPUs."""

    runtime_version: Text | None = None
    """Software version of the TPU machine."""
    tpu_name: Text | None = None
    """Name of the TPU."""
    tpu_vm: bool | None = None
    """Whether the TPU is a machine of its own."""
    gcp_queued_resource: bool | None = None
    """Whether capacity is queued for."""


class Option(Model):
    """One set of needs: the keys of `resources:`, of which an entry of `any_of` or `ordered` overrides some."""

    infra: Text | None = None
    """Where to run: `local`, `ssh/<pool>`, `cloud/region/zone` with `*` for any, `k8s/<context>`."""
    cloud: Text | None = None
    """Older form of `infra`: the cloud."""
    region: Text | None = None
    """Older form of `infra`: the region."""
    zone: Text | None = None
    """Older form of `infra`: the zone."""
    instance_type: Text | None = None
    """One kind of machine, by the cloud's name."""
    cpus: Cpus | None = None
    """CPUs of each node: `4`, or `4+` for at least 4."""
    memory: Memory | None = None
    """Memory of each node in GiB: `16`, `16+`, `64GB`."""
    accelerators: AcceleratorField | None = None
    """GPUs of each node: `A100:8`, `{L4:1, A10G:1}` (any of them), `[L4:1, A10G:1]` (in order of preference)."""
    accelerator_args: AcceleratorArgs | None = None
    """Settings of TPUs."""
    use_spot: bool | None = None
    """Machines that cost less and may be taken away."""
    job_recovery: Text | dict[str, Any] | None = None
    """Of managed jobs; refused for a service, whose replicas are replaced anyway."""
    disk_size: Size | None = None
    """Disk of each node in GiB."""
    disk_tier: Annotated[Literal["low", "medium", "high", "ultra", "best"], AnyCase] | None = None
    """How fast the disk is."""
    network_tier: Annotated[Literal["standard", "best"], AnyCase] | None = None
    """How fast the network is."""
    local_disk: Text | None = None
    """Disk inside the machine: `[nvme|ssd:]size[+]`."""
    max_hourly_cost: PositiveNumber | None = None
    """Highest price in USD an hour and node."""
    ports: PortsField = ()
    """Ports to open: `8080`, `8080-8090`, or a list."""
    image_id: Text | dict[str, str] | None = None
    """Image of the machine, by region if need be, or `docker:<image>`."""
    labels: dict[str, Text] | None = None
    """Tags on the cloud's machines."""
    volumes: tuple[dict[str, Any], ...] | None = None
    """Disks to attach."""
    autostop: AutostopField = None
    """When an idle machine stops."""
    priority: Annotated[int, Field(ge=-1000, le=1000)] | None = None
    """Rank in a queue."""
    priority_class: Text | None = None
    """Name of a rank in a queue."""

    retired: ClassVar = {
        "spot_recovery": "Remove it: preempted replicas are replaced anyway.",
        "ephemeral_storage": "Write disk_size.",
        "gpus": "Write accelerators.",
        "mem": "Write memory.",
    }

    @field_validator("cloud")
    @classmethod
    def _known_cloud(cls, value: str) -> str:
        return cloud_name(value)

    @field_validator("infra")
    @classmethod
    def _known_infra(cls, value: str) -> str:
        parse_infra(value)
        return value

    @model_validator(mode="after")
    def _one_way_to_say_where(self) -> "Option":
        if self.infra is not None and (self.cloud or self.region or self.zone):
            raise invalid(Finding("given together with cloud, region or zone", "Keep infra alone.", ("infra",)))
        return self

    @property
    def location(self) -> Location:
        """Where to run, from whichever form was used."""
        if self.infra is not None:
            return parse_infra(self.infra)
        region, zone = (None if part == "*" else part for part in (self.region, self.zone))
        return Location(self.cloud, region, zone)

    def overridden(self, by: "Option") -> "Option":
        """This with every key that `by` gives; where to run is one key, whatever its form."""
        given = {name: value for name in Option.model_fields if (value := getattr(by, name)) not in (None, ())}
        if "infra" in given or "cloud" in given:
            given = {"infra": None, "cloud": None, "region": None, "zone": None, **given}
        elif "region" in given or "zone" in given:
            here = self.location
            given = {"infra": None, "cloud": here.infra, "region": here.region, "zone": None, **given}
        own = {name: getattr(self, name) for name in Option.model_fields}
        return Option.model_construct(**{**own, **given})


class Resources(Option):
    """`resources:`, with its alternatives."""

    any_of: tuple[Option, ...] = ()
    """Alternatives, of which the cheapest is taken. Each overrides keys of the above."""
    ordered: tuple[Option, ...] = ()
    """Alternatives in order of preference. Each overrides keys of the above."""

    @model_validator(mode="after")
    def _one_order(self) -> "Resources":
        if self.any_of and self.ordered:
            raise invalid(Finding("given together with ordered", "Keep one of them.", ("any_of",)))
        for group in ("any_of", "ordered"):
            for choice in self._accelerator_lists(group):
                if group == "ordered" and len(choice.options) > 1:
                    remedy = "Write one entry of ordered for each."
                    raise invalid(Finding("several accelerators together with ordered", remedy, (group,)))
                if choice.ordered:
                    remedy = "Write a set, such as {L4:1, A10G:1}, or use ordered."
                    raise invalid(Finding("a list of accelerators has an order, and any_of has none", remedy, (group,)))
        return self

    def _accelerator_lists(self, group: str) -> Iterator[AcceleratorChoice]:
        for entry in getattr(self, group):
            if choice := entry.accelerators or self.accelerators:
                yield choice

    @property
    def is_ordered(self) -> bool:
        """Whether `alternatives` come in order of preference."""
        return bool(self.ordered) or (self.accelerators is not None and self.accelerators.ordered)

    @property
    def uses_spot(self) -> bool:
        """Whether replicas go to spot machines first: some alternative asks for them, or the one preferred does."""
        spot = [bool(option.use_spot) for option in self.alternatives]
        return spot[0] if self.is_ordered else any(spot)

    @property
    def alternatives(self) -> tuple[Option, ...]:
        """Every acceptable combination, each with at most one accelerator, none twice."""
        entries = self.any_of or self.ordered
        merged = [self.overridden(by=entry) for entry in entries] or [self.overridden(by=Option())]
        distinct: list[Option] = []
        for single in (single for option in merged for single in _singles(option)):
            if single not in distinct:
                distinct.append(single)
        return tuple(distinct)


def _singles(option: Option) -> Iterator[Option]:
    choice = option.accelerators
    if choice is None:
        yield option
        return
    for accelerators in choice.options:
        yield option.model_copy(update={"accelerators": AcceleratorChoice((accelerators,))})
