"""Databases for the store's tests: a SQLite file, and a real PostgreSQL where this machine has one."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from skyserve.contracts.store import Store
from skyserve.store.opening import open_store


def _postgres_programs() -> Path | None:
    """Where PostgreSQL's server programs are; Debian keeps them out of PATH."""
    if debian := sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        return debian[-1]
    found = shutil.which("pg_ctl")
    return Path(found).resolve().parent if found else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server on a Unix socket; yields the URL of a database in it."""
    pytest.importorskip("asyncpg", reason="asyncpg, the driver, is not installed")
    programs = _postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    # PostgreSQL refuses to run as root, and asks for a directory that its user owns.
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    home = Path(tempfile.mkdtemp(prefix="sky-pg-"))
    shutil.chown(home, user)
    data, trust = str(home / "data"), ["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8"]
    try:
        subprocess.run([programs / "initdb", "-D", data, *trust], user=user, check=True, capture_output=True, cwd=home)
        options = ["listen_addresses=", f"unix_socket_directories={home}", "fsync=off"]
        arguments = [part for option in options for part in ("-c", option)]
        with open(home / "log", "wb") as log:
            server = subprocess.Popen([programs / "postgres", "-D", data, *arguments], user=user, stderr=log, cwd=home)
        try:
            deadline = time.monotonic() + 60
            while subprocess.run([programs / "pg_isready", "-q", "-h", home]).returncode:
                assert server.poll() is None and time.monotonic() < deadline, (home / "log").read_text()
                time.sleep(0.05)
            yield f"postgresql+asyncpg://postgres@/postgres?host={home}"
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: what it holds is thrown away
            server.wait()
    finally:
        shutil.rmtree(home)


@pytest.fixture(params=["sqlite", "postgresql"])
async def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """What to give to open_store for an empty database of each kind."""
    if request.param == "sqlite":
        return tmp_path / "serve.db"
    server: str = request.getfixturevalue("postgres")
    engine = create_async_engine(server)
    async with engine.begin() as connection:  # much quicker than a database a test
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
    await engine.dispose()
    return server


@pytest.fixture
async def store(where: Path | str) -> AsyncIterator[Store]:
    """An empty store."""
    opened = await open_store(where)
    yield opened
    await opened.close()
