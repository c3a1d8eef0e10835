"""Runs the machine-side tool on this machine, as the user we are."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from skyserve.contracts.errors import Transient
from skyserve.infra.machine import protocol
from skyserve.infra.machine.bundle import tool
from skyserve.infra.machine.node import main
from skyserve.infra.machine.node.refusal import Refusal
from skyserve.model.place import Address

_NEEDS_PROCESS = frozenset({"facts", "create", "receive"})
"""Commands that fork, or read a body. The rest run in a thread: to start Python would cost more than they do."""
_THREADS = 16
_CHUNK = 1 << 16


class LocalTransport:
    """This machine. `prefix` and `python` start the tool otherwise than as ourselves: as another user, for tests."""

    def __init__(self, root: Path, *, python: str = sys.executable, prefix: Sequence[str] = ()) -> None:
        self._root = root
        self._python = python
        self._prefix = tuple(prefix)
        # Of our own: ending a replica takes seconds, and must not hold up whatever else the process does in threads.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="machine")
        # Each takes a core for a while: of many side by side the first would be there when the last is.
        self._creations = asyncio.Semaphore(len(os.sched_getaffinity(0)))

    @property
    def host(self) -> str:
        """The zone of its Place."""
        return "localhost"

    @property
    def publish(self) -> str:
        """The endpoint shares this machine."""
        return "direct"

    async def call(
        self, command: str, request: Mapping[str, Any], *, body: AsyncIterable[bytes] | None = None, timeout: float = 30
    ) -> dict[str, Any]:
        """Run one command, in a thread if it only looks, else in a process of its own. `timeout` does not count the
        time that a creation waits for others to be done."""
        if command not in _NEEDS_PROCESS and not self._prefix:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._run, command, dict(request))
        async with self._creations if command == "create" else contextlib.nullcontext():
            return await self._in_a_process(command, request, body, timeout)

    async def _in_a_process(
        self, command: str, request: Mapping[str, Any], body: AsyncIterable[bytes] | None, timeout: float
    ) -> dict[str, Any]:
        process = await self._start(command, request)
        try:
            async with asyncio.timeout(timeout):
                await _send(process, body)
                assert process.stdout is not None
                line = await process.stdout.readline()
                await process.wait()
        except TimeoutError:
            raise Transient(f"{self.host}: {command} did not end within {timeout:g} s") from None
        finally:
            await _end(process)
        return protocol.reply(line, self.host)

    async def stream(self, command: str, request: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """Run one command and pass on what it says."""
        process = await self._start(command, request)
        try:
            await _send(process, None)
            assert process.stdout is not None
            protocol.reply(await process.stdout.readline(), self.host)
            while chunk := await process.stdout.read(_CHUNK):
                yield chunk
            await process.wait()
        finally:
            await _end(process)

    async def forward(self, address: Address) -> Address:
        """It is an address of this machine already."""
        return address

    async def close(self) -> None:
        """Let go of the threads; what they do is carried out."""
        self._threads.shutdown(wait=False)

    def _run(self, command: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            reply: dict[str, Any] = main.run(command, str(self._root), request)
        except Refusal as refusal:
            raise protocol.error(refusal.kind, refusal.message, self.host) from None
        except OSError as error:
            raise Transient(f"{self.host}: {error}") from None
        return reply

    async def _start(self, command: str, request: Mapping[str, Any]) -> asyncio.subprocess.Process:
        packed = await asyncio.to_thread(self._place_tool)
        process = await asyncio.create_subprocess_exec(
            *self._prefix,
            self._python,
            "-I",
            "-S",
            str(packed),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Away from our terminal and session: what it starts must not end with us.
            start_new_session=True,
            limit=1 << 24,
        )
        assert process.stdin is not None
        process.stdin.write(protocol.request_line(command, str(self._root), request))
        return process

    def _place_tool(self) -> Path:
        packed = tool()
        path = self._root / "tool" / packed.name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as fresh:
                fresh.write(packed.data)
            Path(fresh.name).chmod(0o755)
            Path(fresh.name).replace(path)
        return path


async def _send(process: asyncio.subprocess.Process, body: AsyncIterable[bytes] | None) -> None:
    assert process.stdin is not None
    try:
        if body is not None:
            async for chunk in body:
                process.stdin.write(chunk)
                await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        # It has answered, or died, without reading on; its answer tells.
        return


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        # Not process.kill(), which may reap the process behind asyncio's back.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()
