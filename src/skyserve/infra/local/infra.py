"""This machine as an infra: `infra: local`."""

from pathlib import Path

from skyserve.infra.local.transport import LocalTransport
from skyserve.infra.machine.infra import MachineInfra, MachineOptions

_CPU_SHARE = 4.0
"""Each core of this machine is lent four times. It is the user's own, shared with whatever else they do, and services
mostly wait; a laptop with two cores must hold two replicas of `cpus: 2`."""


def local_infra(root: Path, options: MachineOptions | None = None) -> MachineInfra:
    """The infra of this machine, which keeps all it holds below `root`."""
    return MachineInfra("local", [LocalTransport(root)], options or MachineOptions(cpu_share=_CPU_SHARE))
