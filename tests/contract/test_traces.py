"""A termination leaves nothing."""

import asyncio
from pathlib import Path

from skyserve.contracts.infra import Script
from skyserve.store.content import FileContentStore
from tests.contract.bench import Bench

_DAEMON = """
(trap '' TERM; exec setsid sleep infinity) &
mkdir locked; touch locked/file; chmod 500 locked
python3 -m http.server 8080
"""


async def test_nothing_is_left(real: Bench, tmp_path: Path) -> None:
    """No process, link, rule, mount or file, also of a replica that ignores SIGTERM, or whose keeper was killed."""
    before = real.traces()
    infra = real.infra()
    content = FileContentStore(tmp_path / "content")
    (tmp_path / "file").write_text("content")
    instances = await asyncio.gather(*(real.launch(infra, f"1-{number}") for number in (1, 2)))
    for instance in instances:
        shell = infra.shell(instance)
        await shell.put(await content.pack(tmp_path / "file"), content, "/sky-contract-test/file")
        await shell.start("run", Script(_DAEMON))
        await shell.forward(9000)
    assert real.traces() > before
    await real.kill(instances[1])
    for instance in instances:
        await infra.terminate(instance)
    assert real.traces() == before
