"""What traffic feels while things die: `python -m bench.failover [--rate 200] [--seconds 30]`.

Serves examples/hello on this machine in an installation of its own, sends a steady load to its endpoint, and kills
with SIGKILL, one after the other: a replica, the controller (which is then started again), Envoy. Prints what failed
and how long each took to come back. Ends with nothing left running.
"""

import argparse
import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import skyserve
from bench.load import SteadyLoad
from bench.processes import all_in, controller_pid, envoy_pid, replica_pids
from skyserve.model.home import Home

HELLO = Path(__file__).parent.parent / "examples" / "hello" / "service.yaml"
PATIENCE_SECONDS = 60.0


async def until(what: Callable[[], Awaitable[bool]]) -> float:
    """Seconds until it holds."""
    began = time.monotonic()
    while not await what():
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise TimeoutError(what.__name__)
        await asyncio.sleep(0.2)
    return time.monotonic() - began


async def service(client: skyserve.Client) -> skyserve.ServiceView:
    """The one service."""
    (view,) = await asyncio.to_thread(client.status, ["hello"])
    return view


async def kill_replica(home: Home, client: skyserve.Client) -> str:
    """All processes of the first replica."""
    before = await service(client)
    victim = min(r.replica_id for r in before.replicas if r.status is skyserve.ReplicaStatus.READY)
    for pid in replica_pids(home, victim):
        os.kill(pid, signal.SIGKILL)

    async def replaced() -> bool:
        view = await service(client)
        ready = {r.replica_id for r in view.replicas if r.status is skyserve.ReplicaStatus.READY}
        return victim not in ready and len(ready) == before.target_replicas

    return f"replica {victim} killed: another READY after {await until(replaced):.1f} s"


async def kill_controller(home: Home, client: skyserve.Client) -> str:
    """The process that decides; the next call of a client starts it again."""
    os.kill(controller_pid(home), signal.SIGKILL)
    await asyncio.sleep(2.0)

    async def knows() -> bool:
        return (await service(client)).ready_replicas == 2

    return f"controller killed, started again after 2 s: knows all replicas {await until(knows):.1f} s later"


async def kill_envoy(home: Home, client: skyserve.Client) -> str:
    """The process that carries requests."""
    old = envoy_pid(home)
    os.kill(old, signal.SIGKILL)
    port = int((await service(client)).endpoint.rpartition(":")[2])

    async def answers() -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: hello\r\nConnection: close\r\n\r\n")
            status = await asyncio.wait_for(reader.readline(), 2)
            writer.close()
        except (OSError, TimeoutError):
            return False
        return b" 200 " in status

    return f"Envoy killed: answers again after {await until(answers):.1f} s"


async def measure(home: Home, rate: float, seconds: float) -> None:
    """Up, load, the three deaths, down."""
    client = skyserve.Client(home)
    began = time.monotonic()
    await asyncio.to_thread(client.up, skyserve.load_task(HELLO), "hello", base=HELLO.parent)

    async def first_ready() -> bool:
        return (await service(client)).ready_replicas >= 1

    async def all_ready() -> bool:
        return (await service(client)).ready_replicas == 2

    await until(first_ready)
    print(f"up to first READY: {time.monotonic() - began:.1f} s (controller started on demand)", flush=True)
    await until(all_ready)
    load = SteadyLoad((await service(client)).endpoint, rate)
    running = asyncio.create_task(load.run(seconds))
    marks = []
    for number, kill in enumerate((kill_replica, kill_controller, kill_envoy), 1):
        await asyncio.sleep(max(0.0, number * seconds / 4 - load.now()))
        at = load.now()
        marks.append((at, await kill(home, client)))
    report = await running
    ends = [at for at, _ in marks[1:]] + [float("inf")]
    for (at, told), end in zip(marks, ends, strict=True):
        print(f"{told}; failed requests: {len(report.failed(since=at, until=end))}")
    print(report.summary())


async def clear(home: Home) -> None:
    """Take everything down and see that nothing is left."""
    client = skyserve.Client(home)
    await asyncio.to_thread(client.down, None)

    async def empty() -> bool:
        return not await asyncio.to_thread(client.status)

    await until(empty)
    await asyncio.to_thread(client.stop_controller)

    async def quiet() -> bool:
        return not all_in(home)

    print(f"down: nothing is left after {await until(quiet):.1f} s")


def main() -> None:
    """Run in an installation of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=200, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sky-") as folder:
        home = Home(Path(folder))

        async def run() -> None:
            try:
                await measure(home, arguments.rate, arguments.seconds)
            finally:
                await clear(home)

        asyncio.run(run())


if __name__ == "__main__":
    main()
