"""Opening a store: its file, its connections, its schema brought up to date."""

import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from skyserve.contracts.errors import StateUnusable
from skyserve.store.sql import SqlStore
from skyserve.store.unbroken import unbroken

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another process that writes to the same SQLite file. A write takes milliseconds."""

WAL_RETRY_SECONDS = 0.01
"""Pause between two tries to have a new SQLite file written by a write-ahead log."""


@unbroken
async def open_store(where: Path | str) -> SqlStore:
    """Open the database, making it if need be, and bring its schema up to date.

    `where` is the path of a SQLite file, or the URL of another database (`postgresql+asyncpg://user:password@host/name`).
    Raises StateUnusable.
    """
    if isinstance(where, Path):
        _make_private_file(where)
        url, shown = URL.create("sqlite+aiosqlite", database=str(where)), str(where)
    else:
        url = make_url(where)
        shown = url.render_as_string(hide_password=True)
    engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _server(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(migrate, shown)
    except StateUnusable:
        await engine.dispose()
        raise
    except (SQLAlchemyError, OSError) as error:
        await engine.dispose()
        reason = getattr(error, "orig", None) or error
        raise StateUnusable(
            f"The database {shown} cannot be used: {reason}. If it was damaged, put a backup in its place; "
            "moving it aside starts anew, and what still runs is then to be terminated by hand."
        ) from None
    return SqlStore(engine)


def _make_private_file(path: Path) -> None:
    """Nobody else may read it at any moment: it holds secrets. SQLite gives its side files the same mode.

    A file that exists is never opened here: closing it would drop the locks that SQLite holds in this process.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            path.chmod(0o600)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StateUnusable(
            f"The database {path} cannot be made: {error.strerror}. Make its directory writable, or set SKY_HOME to "
            "one that is."
        ) from None


def _sqlite(url: URL) -> AsyncEngine:
    """Autocommit as the driver knows it, so that transactions begin where and how we say."""
    engine = create_async_engine(
        url, hide_parameters=True, connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT}
    )
    prepare_sqlite(engine)
    return engine


def prepare_sqlite(engine: AsyncEngine) -> None:
    """Have its connections keep what they are told, and its transactions begin as the store needs them to."""

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        _log_ahead(cursor)
        cursor.execute("PRAGMA synchronous = FULL")  # an intent must outlive a power loss: what it launches costs money
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the lock at once: SQLite refuses, without waiting, a reader that turns into a writer too late.
        kind = "DEFERRED" if connection.get_execution_options().get("skyserve_reads") else "IMMEDIATE"
        connection.exec_driver_sql(f"BEGIN {kind}")


def _log_ahead(cursor: Any) -> None:
    """Have the file written by a write-ahead log. Where several make one file at once the busy timeout does not hold
    for this one statement: SQLite refuses it without waiting, so the waiting is done here."""
    give_up_at = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up_at:
                raise
            time.sleep(WAL_RETRY_SECONDS)


def _server(url: URL) -> AsyncEngine:
    return create_async_engine(url, hide_parameters=True, pool_pre_ping=True)


def migrate(connection: Connection, shown: str) -> None:
    """Bring the schema up to date. `shown`: what a user is told it is. Raises StateUnusable."""
    config = Config()
    config.set_main_option("script_location", "skyserve.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise StateUnusable(
            f"The database {shown} was written by a newer release of skyserve: its schema is {current}, and this "
            f"release knows up to {known[0]}. Install the newer release again, or set SKY_HOME to another directory."
        )
    command.upgrade(config, "head")
