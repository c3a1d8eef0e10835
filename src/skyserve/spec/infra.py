"""`infra:`, where to run: `aws/us-east-1/us-east-1a`, `gcp/*/us-central1-a`, `k8s/context`, `ssh/pool`, `local`."""

from typing import NamedTuple

from skyserve.spec.base import Finding, invalid
from skyserve.spec.errors import closest

CLOUDS = frozenset(
    {
        "aws",
        "azure",
        "cudo",
        "fluidstack",
        "gcp",
        "hyperbolic",
        "ibm",
        "kubernetes",
        "lambda",
        "local",
        "mithril",
        "nebius",
        "oci",
        "paperspace",
        "primeintellect",
        "runpod",
        "scp",
        "seeweb",
        "shadeform",
        "slurm",
        "ssh",
        "vast",
        "verda",
        "vsphere",
        "yotta",
    }
)
"""Names that may begin an `infra:`; k8s stands for kubernetes."""

OWN_MACHINES = ("local", "ssh")
"""Infras on machines of the user's own."""


class Location(NamedTuple):
    """What `infra:` names, or `cloud:`, `region:` and `zone:` together. None: anywhere."""

    infra: str | None = None
    """A cloud, `kubernetes`, `local`, or `ssh/<pool>`."""
    region: str | None = None
    zone: str | None = None


def cloud_name(text: str) -> str:
    """The cloud's name in lower case, k8s written out. Raises as validators do."""
    name = text.strip().lower()
    name = "kubernetes" if name == "k8s" else name
    if name not in CLOUDS:
        guess = closest(name, CLOUDS)
        raise invalid(
            Finding("not a known infra", f"Did you mean {guess}?" if guess else "Write local, ssh/<pool>, aws, ...")
        )
    return name


def parse_infra(text: str) -> Location:
    """`cloud[/region[/zone]]` with `*` for any. A Kubernetes context may hold slashes. Raises as validators do."""
    first, _, rest = text.strip().strip("/").partition("/")
    if first in ("", "*"):
        if rest.strip("*/"):
            raise invalid(Finding("a region needs its cloud", "Write for example aws/us-east-1."))
        return Location()
    cloud = cloud_name(first)
    if cloud == "local" and rest:
        raise invalid(Finding("this machine has no regions", "Write local."))
    if cloud == "ssh":
        return _ssh(rest)
    if cloud == "kubernetes":
        return Location(cloud, _given(rest))
    region, _, zone = rest.partition("/")
    if "/" in zone:
        raise invalid(Finding("more than cloud, region and zone", "Write cloud/region/zone."))
    return Location(cloud, _given(region), _given(zone))


def _ssh(pool: str) -> Location:
    if "/" in pool:
        raise invalid(Finding("the name of an SSH pool holds no slash", "Write ssh/<pool>."))
    return Location(f"ssh/{pool}" if _given(pool) else "ssh")


def _given(text: str) -> str | None:
    return text if text not in ("", "*") else None
