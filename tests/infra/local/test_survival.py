"""What outlives whom on this machine."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from skyserve.contracts.errors import NoCapacity
from skyserve.contracts.infra import LaunchOrder, Script, ScriptState
from skyserve.infra.local.infra import local_infra
from skyserve.infra.machine.infra import MachineInfra, MachineOptions
from skyserve.infra.machine.node import facts, ways
from skyserve.infra.machine.node.refusal import Refusal
from skyserve.model.instance import Instance, InstanceState
from skyserve.model.resources import Amount, ResourceRequest
from tests.claims import ports

_OWNER = "survival"
_OPTIONS = MachineOptions(listing_seconds=0.05, grace_seconds=1, host_ports=(ports()[0], ports()[-1]))

_CONTROLLER = """
import asyncio, os, sys
from pathlib import Path
from tests.infra.local.test_survival import infra_at, launch
from skyserve.contracts.infra import Script

async def main():
    infra = infra_at(Path(sys.argv[1]))
    instance = await launch(infra, "1-1")
    await infra.shell(instance).start("run", Script("echo alive; exec sleep infinity"))
    print("started", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def infra_at(root: Path) -> MachineInfra:
    """This machine, quick to notice and to end."""
    return local_infra(root, _OPTIONS)


async def launch(infra: MachineInfra, token: str, cpus: float | None = None) -> Instance:
    """One node, without ports."""
    offers = await infra.offers(ResourceRequest(cpus=Amount(cpus) if cpus else None), 1)
    return await infra.launch(LaunchOrder(_OWNER, "hello", 1, offers[0]), token)


@pytest.fixture
async def root() -> AsyncIterator[Path]:
    """A directory for a machine, emptied in the end."""
    try:
        ways.best()
    except Refusal as refusal:
        pytest.skip(refusal.message)
    with tempfile.TemporaryDirectory(prefix="sky-local-") as folder:
        yield Path(folder)
        infra = infra_at(Path(folder))
        for instance in (await infra.inventory(_OWNER)).instances:
            await infra.terminate(instance)
        await infra.close()


async def test_kill_9_of_the_controller_and_its_group(root: Path) -> None:
    """A replica runs on when its controller, with all its process group, is killed; the next controller adopts it."""
    controller = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CONTROLLER, str(root), stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert controller.stdout is not None
    assert await controller.stdout.readline() == b"started\n"
    os.killpg(controller.pid, signal.SIGKILL)
    await controller.wait()
    infra = infra_at(root)
    (adopted,) = (await infra.inventory(_OWNER)).instances
    assert adopted.state is InstanceState.RUNNING
    assert (await infra.shell(adopted).status("run")).state is ScriptState.RUNNING
    await infra.close()


async def test_a_creation_cut_short_is_finished(root: Path) -> None:
    """A node whose creation died half-way is PENDING, and made whole by the next launch with its token."""
    infra = infra_at(root)
    instance = await launch(infra, "1-1")
    record_file = root / "nodes" / f"{instance.id}.0" / "record.json"
    record = json.loads(record_file.read_text())
    record_file.write_text(json.dumps({**record, "phase": "creating", "processes": []}))
    assert [seen.state for seen in (await infra_at(root).inventory(_OWNER)).instances] == [InstanceState.PENDING]
    again = await launch(infra_at(root), "1-1")
    assert (again.id, again.state) == (instance.id, InstanceState.RUNNING)
    await infra.shell(again).start("run", Script("true"))
    await infra.close()


async def test_two_controllers_cannot_promise_the_same_cpus(root: Path) -> None:
    """Of two launches at the same time that fit only one by one, one is refused."""
    most = facts.cpus() * _OPTIONS.cpu_share
    infras = [infra_at(root), infra_at(root)]
    outcomes = await asyncio.gather(
        *(launch(infra, f"{number}-1", most) for number, infra in enumerate(infras)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [Instance.__name__, NoCapacity.__name__]
    for infra in infras:
        await infra.close()
