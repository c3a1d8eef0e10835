"""One test host: what can be done to it."""

import asyncio
import contextlib
import functools
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.hosts.command import attempt, run
from tests.hosts.patience import until

BOOT_SCRIPT = Path(__file__).with_name("boot.sh")


@dataclass
class Host:
    """A machine with its own name, processes, files, network and ssh host key."""

    name: str
    ip: str
    disk: Path
    """Keeps what the host writes while it is off."""
    prefix_length: int
    gateway: str
    """This machine, as the host sees it. Nothing is forwarded from there."""
    bridge: str
    wire: str
    """This end of its network cable; an interface of this machine, also the name of its network namespace."""
    _power: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def home(self) -> Path:
        """The home of its user, as seen from this machine."""
        return self.disk / "home"

    @property
    def root(self) -> Path:
        """Its root directory, as seen from this machine, while it is on."""
        return Path(f"/proc/{self.processes()[0]}/root")

    async def power_on(self) -> None:
        """Boot it, with the disk it has, and wait for sshd."""
        await run("ip", "netns", "add", self.wire)
        # One hardware address for life, as a network card has: neighbours go on using the one they know.
        card = ["name", "eth0", "address", self._hardware_address(), "netns", self.wire]
        await run("ip", "link", "add", self.wire, "type", "veth", "peer", *card)
        await run("ip", "link", "set", self.wire, "master", self.bridge, "up")
        await run("ip", "-n", self.wire, "addr", "add", f"{self.ip}/{self.prefix_length}", "dev", "eth0")
        await run("ip", "-n", self.wire, "link", "set", "eth0", "up")
        await run("ip", "-n", self.wire, "link", "set", "lo", "up")
        await run("ip", "-n", self.wire, "route", "add", "default", "via", self.gateway)
        self._power = self._boot()
        await until(self._answers, otherwise=(self.disk / "console.log").read_text)

    def _boot(self) -> subprocess.Popen[bytes]:
        """The host dies with the test run, however that ends: setpriv ties it to us, --kill-child ties all to it."""
        namespaces = ["--uts", "--ipc", "--mount", "--pid", "--fork", "--kill-child"]
        unshare = ["setpriv", "--pdeathsig", "KILL", "unshare", *namespaces]
        boot = ["bash", str(BOOT_SCRIPT), str(self.disk), self.name, self.ip]
        with (self.disk / "console.log").open("ab") as console:
            return subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.wire}", *unshare, *boot],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )

    def _hardware_address(self) -> str:
        return "02:00:" + ":".join(f"{int(part):02x}" for part in self.ip.split("."))

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(1):
                reader, writer = await asyncio.open_connection(self.ip, 22)
                greeting = await reader.read(4)
                writer.close()
        except (OSError, TimeoutError):
            return False
        return greeting == b"SSH-"

    async def power_off(self) -> None:
        """End it at once and silently, as a pulled plug does: nothing is closed, nothing answers."""
        await attempt("ip", "link", "set", self.wire, "down")
        if self._power:
            processes = self.processes()
            self._power.kill()
            self._power.wait()
            self._power = None
            await until(functools.partial(_all_ended, processes))
        await attempt("ip", "netns", "del", self.wire)
        await attempt("ip", "link", "del", self.wire)

    async def cut(self) -> None:
        """Pull its network cable: packets vanish, the host runs on."""
        await run("ip", "link", "set", self.wire, "down")

    async def heal(self) -> None:
        """Plug the cable in again."""
        await run("ip", "link", "set", self.wire, "up")

    async def freeze(self) -> None:
        """Stop every process: connections are still accepted by its kernel, and nobody answers."""
        self._signal_all(signal.SIGSTOP)

    async def thaw(self) -> None:
        """Let every process go on."""
        self._signal_all(signal.SIGCONT)

    async def run(self, *argv: str) -> str:
        """Run a command inside it, as root, without ssh."""
        init = self.processes()[0]
        return await run("nsenter", "-t", str(init), "-m", "-u", "-i", "-n", "-p", "--root", "--wd", *argv)

    def bytes_received(self) -> int:
        """What has come in over its cable since it was switched on."""
        return int(Path(f"/sys/class/net/{self.wire}/statistics/tx_bytes").read_text())

    def processes(self) -> list[int]:
        """Pids, on this machine, of all that runs on it; the first is its init."""
        if not self._power:
            return []
        children: dict[int, list[int]] = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit() and (parent := _parent(int(entry))) is not None:
                children.setdefault(parent, []).append(int(entry))
        found = [*children.get(self._power.pid, [])]
        for pid in found:
            found += children.get(pid, [])
        return found

    def _signal_all(self, number: signal.Signals) -> None:
        """Signal until no process is seen that has not had it: some fork meanwhile."""
        done: set[int] = set()
        while new := [pid for pid in self.processes() if pid not in done]:
            for pid in new:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                done.add(pid)


def _parent(pid: int) -> int | None:
    """None if it has ended; a zombie has, and may wait long to be reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent = stat.rpartition(")")[2].split()[:2]
    return None if state == "Z" else int(parent)


async def _all_ended(pids: list[int]) -> bool:
    return all(_parent(pid) is None for pid in pids)
