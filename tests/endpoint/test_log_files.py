"""Logs stay within bounds."""

import asyncio
import errno
from pathlib import Path

import httpx
import pytest

from skyserve.endpoint import log_files
from skyserve.endpoint.admin import Admin
from skyserve.endpoint.layout import Layout
from skyserve.endpoint.log_files import LogFiles
from tests.endpoint.bench import PATIENCE_SECONDS, Bench, until, url
from tests.endpoint.conftest import MakeReplica

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_long_log_is_rotated_under_way(bench: Bench, replica: MakeReplica, client: httpx.AsyncClient) -> None:
    """What is too long becomes NAME.1, and requests go on into a new file."""
    table = await bench.serve([await replica()])
    layout = Layout(bench.directory)
    file = layout.access_log(table.service_id)
    await client.get(url(table, "/first"))
    await until(lambda: file.exists() and file.stat().st_size > 0)
    admin = Admin(layout.admin_socket)

    await LogFiles(layout, admin, max_bytes=10).rotate()

    await client.get(url(table, "/second"))
    await until(lambda: file.exists() and "/second" in file.read_text())
    assert "/first" in file.with_name(f"{file.name}.1").read_text()
    assert "/first" not in file.read_text()


async def test_a_full_disk_does_not_end_the_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be moved now is tried again later, and the log says why."""
    layout = Layout(tmp_path)
    layout.prepare()
    layout.log.write_text("too long")
    admin = Admin(layout.admin_socket)
    failing, tried = [OSError(errno.ENOSPC, "No space left on device")] * 2, asyncio.Event()

    def replace(self: Path, target: str) -> None:
        if failing:
            raise failing.pop()
        tried.set()

    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(log_files, "INTERVAL_SECONDS", 0.0)
    looking = asyncio.create_task(LogFiles(layout, admin, max_bytes=5).run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        await tried.wait()
    looking.cancel()
    await asyncio.wait([looking])

    assert caplog.text.count("No space left on device") == 2


async def test_logs_of_other_services_are_deleted(tmp_path: Path) -> None:
    """Access logs are kept for the services named, rotated ones too, and for no others; so is what was counted."""
    layout = Layout(tmp_path)
    layout.prepare()
    for service_id in (1, 11):
        layout.tally(service_id).touch()
    for name in ("1.jsonl", "1.jsonl.1", "2.jsonl", "2.jsonl.1", "11.jsonl"):
        (layout.access_logs / name).touch()
    admin = Admin(layout.admin_socket)

    LogFiles(layout, admin).keep(frozenset({1}))

    assert sorted(file.name for file in layout.access_logs.iterdir()) == ["1.jsonl", "1.jsonl.1"]
    assert [file.name for file in layout.tallies.iterdir()] == ["1"]
