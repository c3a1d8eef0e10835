"""A place to run: the contract that every infra keeps, and tests/contract checks.

Rules beyond the signatures:

* `launch` with a token that was launched before returns that instance, whatever state it is in, and starts
  nothing; also when the earlier call's reply was lost, and after a restart of the controller.
* The tag travels with the instance, not with our database: `inventory` finds what the database forgot.
* `terminate` returns when the infra has accepted; it is called again until the instance is absent from the
  inventory. Afterwards nothing of the instance is left: no process, network, mount or file.
* Instances outlive the controller.
* No method blocks the event loop, and each ends within its own deadline (tens of seconds, minutes for `launch`)
  with Transient if need be.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from skyserve.contracts.content import ContentStore, Tree
from skyserve.model.instance import Instance, Inventory
from skyserve.model.place import Address, Place
from skyserve.model.resources import Offer, ResourceRequest


@dataclass(frozen=True, slots=True)
class LaunchOrder:
    """What to launch."""

    owner: str
    """Tag: the installation."""
    service: str
    """Tag, and for people. Names are reused; the token is not."""
    replica_id: int
    offer: Offer
    num_nodes: int = 1
    ports: tuple[int, ...] = ()
    """Ports of the head that the endpoint must reach; opened to it, and to nobody else where the infra can."""


class ScriptState(StrEnum):
    """Where a script is."""

    ABSENT = "absent"
    """Never started here."""
    RUNNING = "running"
    EXITED = "exited"
    LOST = "lost"
    """It ran, its processes are gone, and no exit code was written (power loss, kill -9 of all)."""


@dataclass(frozen=True, slots=True)
class ScriptStatus:
    """A script on one node."""

    state: ScriptState
    exit_code: int | None = None
    """Of bash when EXITED; 128 + signal when a signal ended it."""


@dataclass(frozen=True, slots=True)
class Script:
    """Bash to run in the replica's `~/sky_workdir`."""

    body: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the machine's own. Holds secrets: never in an argument list, a world-readable file or a log."""


class Shell(Protocol):
    """One node of an instance, as seen from within the replica's own directory and port space.

    Every method raises Gone if the node is no more, Transient if it cannot be reached now.
    """

    async def put(self, tree: Tree, content: ContentStore, destination: str) -> None:
        """Make `destination` hold the tree. `~` is the replica's home; a relative path is below ~/sky_workdir.

        Only blobs the machine lacks travel. Repeating it is cheap and changes nothing. Raises Unsupported for
        a destination that cannot be had without touching what belongs to others on that machine.
        """
        ...

    async def renew(self, label: str) -> None:
        """Make the scripts here those of `label`: what was started under another is stopped, with all its processes,
        and forgotten with its logs; files stay. Nothing happens if the label is the last one given, or the first.

        From then on this Shell speaks for that label. A label is not given again once another has followed: `renew`,
        `put` and `start` of a Shell that was overtaken so raise Gone, and change nothing however late they come."""
        ...

    async def start(self, name: str, script: Script) -> None:
        """Run a script, detached: it goes on whatever becomes of us. Its output, in order, goes to the log `name`,
        its exit code is kept. A name that was started before is not started again."""
        ...

    async def status(self, name: str) -> ScriptStatus:
        """Where the script of that name is."""
        ...

    def log(self, name: str, *, follow: bool = False, tail: int | None = None) -> AsyncIterator[bytes]:
        """What the script printed, from the beginning or the last `tail` lines; with `follow`, until it has ended.
        Nothing if it never started."""
        ...

    async def forward(self, port: int) -> Address:
        """An address on this machine that leads to `port` in the node's port space, while the infra is open."""
        ...


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether an infra can be used, for `sky check`."""

    infra: str
    enabled: bool
    reason: str
    """One line: why not, and the remedy; or what was found."""
    details: tuple[str, ...] = ()
    """Facts: machines, cpus, GPUs, how port spaces are made and why that way."""


class Infra(Protocol):
    """One place to run, by the name users write in `infra:`."""

    @property
    def name(self) -> str:
        """`local`, `ssh/<pool>`, `aws`, ..."""
        ...

    def covers(self, place: Place) -> bool:
        """Whether the place is one that this infra is configured to look at; of others its inventory tells nothing.
        A host that was taken out of a pool is not covered, whatever still runs there. Does no I/O."""
        ...

    async def check(self) -> CheckResult:
        """Look whether it can be used. Never raises."""
        ...

    async def offers(self, request: ResourceRequest, num_nodes: int) -> Sequence[Offer]:
        """What could be had here for the request if nothing else were running, cheapest first; empty if nothing
        ever fits. An unspecified amount takes the infra's default. Raises Unauthorized, Transient."""
        ...

    async def launch(self, order: LaunchOrder, token: str) -> Instance:
        """Start the order's instance at its offer's place. Returns once it is RUNNING, or PENDING where that takes
        longer (then the inventory tells). Raises NoCapacity, QuotaExceeded, Unauthorized, Unsupported, Transient."""
        ...

    async def inventory(self, owner: str) -> Inventory:
        """Everything of that owner here. Raises Unauthorized, Transient if nothing at all can be told."""
        ...

    async def terminate(self, instance: Instance) -> None:
        """Give it back. Raises Gone if nothing is left, Unauthorized, Transient."""
        ...

    def shell(self, instance: Instance, rank: int = 0) -> Shell:
        """Reach one node. Does no I/O itself."""
        ...

    async def close(self) -> None:
        """Let go of connections. Instances run on."""
        ...
