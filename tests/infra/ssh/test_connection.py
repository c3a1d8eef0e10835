"""When a connection is tried, and when it is not."""

import asyncio
import itertools
from pathlib import Path

import asyncssh
import pytest

from skyserve.contracts.errors import Transient
from skyserve.infra.ssh.connection import LONGEST_BACKOFF, Connection
from skyserve.infra.ssh.known_hosts import KnownHosts
from skyserve.infra.ssh.pools import PoolHost
from tests.infra.ssh.conftest import TEST_TOOL
from tests.virtual import virtual


@virtual
async def test_a_dead_machine_is_tried_ever_more_rarely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many askers cause one try; tries grow apart up to a quarter of a minute; each asker gets the reason."""
    tries: list[float] = []

    async def refuse(**_: object) -> None:
        tries.append(asyncio.get_running_loop().time())
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(asyncssh, "connect", refuse)
    connection = Connection(PoolHost("box"), KnownHosts(tmp_path / "known"), None, TEST_TOOL)
    for _ in range(120):
        answers = await asyncio.gather(*(connection.get() for _ in range(3)), return_exceptions=True)
        assert [str(answer) for answer in answers] == ["box cannot be reached by ssh: refused"] * 3
        assert all(isinstance(answer, Transient) for answer in answers)
        await asyncio.sleep(0.5)
    gaps = [round(after - before) for before, after in itertools.pairwise(tries)]
    assert gaps == [1, 2, 4, 8, LONGEST_BACKOFF, LONGEST_BACKOFF]


@virtual
async def test_nobody_waits_for_a_machine_known_to_be_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first asker waits for the deadline; later ones are told at once, while the machine is tried again."""
    loop = asyncio.get_running_loop()

    async def silence(**_: object) -> None:
        await asyncio.sleep(10)
        raise TimeoutError

    monkeypatch.setattr(asyncssh, "connect", silence)
    connection = Connection(PoolHost("box"), KnownHosts(tmp_path / "known"), None, TEST_TOOL)
    waited = []
    for _ in range(10):
        before = loop.time()
        with pytest.raises(Transient, match="it does not answer"):
            await connection.get()
        waited.append(loop.time() - before)
        await asyncio.sleep(3)
    assert waited == [10.0] + [0.0] * 9
    await connection.close()
