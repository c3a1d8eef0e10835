"""This machine, once for each way of making port spaces that can be had here."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from skyserve.infra.local.transport import LocalTransport
from skyserve.infra.machine.infra import MachineInfra, MachineOptions
from skyserve.infra.machine.node import facts, network
from skyserve.model.instance import Instance
from tests.claims import ports
from tests.contract.bench import Bench
from tests.contract.lossy import Losses, LossyTransport

_USER = 61234
"""An ordinary user that needs no account: nobody's number, above those that systems give out."""
_TUN = Path("/dev/net/tun")
_SHARE = 4.0


class LocalBench(Bench):
    """One root directory, one way."""

    def __init__(self, root: Path, way: str, python: str, prefix: tuple[str, ...]) -> None:
        self.root = root
        self.reaches_peers = way == "netns"
        self.losses = Losses()
        self.made: list[MachineInfra] = []
        self._bin = root.parent / "bin"
        self._python = python
        self._prefix = prefix
        self._options = MachineOptions(
            cpu_share=_SHARE, host_ports=(ports()[0], ports()[-1]), ways=(way,), listing_seconds=0.05, grace_seconds=1
        )

    def infra(self) -> MachineInfra:
        transport = LocalTransport(self.root, python=self._python, prefix=self._prefix)
        infra = MachineInfra("local", [LossyTransport(transport, self.losses)], self._options)
        self.made.append(infra)
        return infra

    def lose_next_launch(self) -> None:
        self.losses.next.add("create")

    def lose_next_renewal(self) -> None:
        self.losses.next.add("renew")

    async def kill(self, instance: Instance) -> None:
        for record in self.root.glob(f"nodes/{instance.id}.*/record.json"):
            keeper, _ = json.loads(record.read_text())["processes"][-1]
            os.kill(keeper, signal.SIGKILL)

    def traces(self) -> set[str]:
        bridge = network.bridge_name(str(self.root))
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        tables = _output("nft", "list", "tables") if os.geteuid() == 0 and shutil.which("nft") else ""
        files = (path for path in self.root.rglob("*") if path.relative_to(self.root).parts[0] not in ("tool", "lock"))
        return {
            *(f"link {name}" for name in os.listdir("/sys/class/net") if name.startswith(bridge)),
            *(f"mount {line}" for line in mounts if str(self.root) in line),
            *(f"rules {line}" for line in tables.splitlines() if bridge in line),
            *(f"process {pid}" for pid in _processes_about(str(self.root))),
            *(f"file {path}" for path in files if path != self.root / "nodes"),
        }

    @property
    def host_address(self) -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                # Nothing is sent: this only asks which address would be used (RFC 5737's, for documentation).
                probe.connect(("203.0.113.1", 9))
            except OSError:
                pytest.skip("this machine has no network but its loopback")
            return str(probe.getsockname()[0])

    @property
    def cpus(self) -> float:
        return facts.cpus() * _SHARE

    def pretend_gpus(self, *names: str) -> None:
        lines = [f"{index}, GPU-{index}, {name}, 81920" for index, name in enumerate(names)]
        self._bin.mkdir()
        program = self._bin / "nvidia-smi"
        program.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
        program.chmod(0o755)
        os.environ["PATH"] = f"{self._bin}:{os.environ['PATH']}"


@asynccontextmanager
async def local_netns() -> AsyncIterator[Bench]:
    """As root, by network namespaces."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    async with _bench("netns", sys.executable, ()) as made:
        yield made


@asynccontextmanager
async def local_pasta() -> AsyncIterator[Bench]:
    """As an ordinary user, by pasta."""
    if shutil.which("pasta") is None:
        pytest.skip("needs pasta (package passt)")
    with _open_tun():
        async with _user_bench("pasta") as made:
            yield made


@asynccontextmanager
async def local_relay() -> AsyncIterator[Bench]:
    """As an ordinary user, with nothing to help."""
    async with _user_bench("relay") as made:
        yield made


BENCHES = [local_netns, local_pasta, local_relay]
TYPICAL = [local_netns if os.geteuid() == 0 else local_relay]


@asynccontextmanager
async def _user_bench(way: str) -> AsyncIterator[Bench]:
    if os.geteuid() != 0:
        async with _bench(way, sys.executable, ()) as made:
            yield made
        return
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")
    if python is None:
        pytest.skip("no Python that an ordinary user could run")
    identity = ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups")
    async with _bench(way, python, identity) as made:
        yield made


@asynccontextmanager
async def _bench(way: str, python: str, prefix: tuple[str, ...]) -> AsyncIterator[Bench]:
    with _root(owner=_USER if prefix else os.geteuid()) as root:
        made = LocalBench(root, way, python, prefix)
        try:
            yield made
        finally:
            await _terminate_all(made)
            for infra in made.made:
                await infra.close()


@contextmanager
def _root(owner: int) -> Iterator[Path]:
    """A directory of the owner's; the search path, which a bench may extend, is put back with it."""
    folder = Path(tempfile.mkdtemp(prefix="sky-contract-"))
    folder.chmod(0o755)
    root = folder / "root"
    for place in (root, root / "tool"):
        place.mkdir()
        os.chown(place, owner, -1)
    search = os.environ["PATH"]
    try:
        yield root
    finally:
        os.environ["PATH"] = search
        shutil.rmtree(folder)


async def _terminate_all(bench: LocalBench) -> None:
    infra = bench.infra()
    owners = {json.loads(record.read_text())["owner"] for record in bench.root.glob("nodes/*/record.json")}
    for owner in owners:
        for instance in (await infra.inventory(owner)).instances:
            await infra.terminate(instance)


@contextmanager
def _open_tun() -> Iterator[None]:
    """/dev/net/tun is everybody's on most machines, and root's alone on some: open there while any test needs it. The
    right to execute it, which means nothing, tells that it was a test that opened it."""
    root = os.geteuid() == 0
    if not _TUN.exists() or not (root or os.access(_TUN, os.R_OK | os.W_OK)):
        pytest.skip(f"{_TUN} is closed to us")
    with _TUN.open("rb", buffering=0) as device:
        fcntl.flock(device, fcntl.LOCK_SH)
        mode = os.fstat(device.fileno()).st_mode & 0o777
        if mode & 0o006 != 0o006:
            _TUN.chmod(mode | 0o007)
        try:
            yield
        finally:
            with suppress(BlockingIOError):  # somebody else still needs it, and will close it
                fcntl.flock(device, fcntl.LOCK_EX | fcntl.LOCK_NB)
                mode = os.fstat(device.fileno()).st_mode & 0o777
                if root and mode & 0o001:
                    _TUN.chmod(mode & 0o770)


def _processes_about(path: str) -> set[int]:
    """Living processes that have the path in their arguments or environment."""
    found = set()
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        with suppress(OSError):
            said = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
            if path.encode() in said:
                found.add(pid)
    return found


def _output(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()
