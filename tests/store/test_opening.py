"""Opening a store: a private file, a schema that fits, errors that say what to do."""

import asyncio
import json
import os
import sqlite3
import stat
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from skyserve.contracts.errors import StateUnusable
from skyserve.contracts.store import AddReplica, VersionRecord
from skyserve.model.event import Event
from skyserve.model.replica import Phase, Replica
from skyserve.model.service import Goal, Service
from skyserve.store import schema
from skyserve.store.opening import open_store
from tests.store.samples import OFFER


def mode(path: Path) -> int:
    """Permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


async def change(path: Path, statement: str) -> None:
    """Edit the database behind the store's back, as a newer release or an accident would."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


async def tables(path: Path) -> list[str]:
    """Names of the tables in a SQLite file."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    connection.close()
    return [name for (name,) in rows]


async def test_files_are_private(tmp_path: Path) -> None:
    """Database, side files and the directory made for them are the owner's alone, whatever the umask."""
    path = tmp_path / "a%20b" / "serve.db"
    before = os.umask(0)
    try:
        store = await open_store(path)
        await store.create_service("web", 30001, '{"secret": "x"}', (), 1.0)
    finally:
        os.umask(before)
    assert mode(path.parent) == 0o700
    assert {file.name: mode(file) for file in path.parent.iterdir()} == {
        "serve.db": 0o600,
        "serve.db-wal": 0o600,
        "serve.db-shm": 0o600,
    }
    await store.close()


async def test_a_loose_file_is_closed_up(tmp_path: Path) -> None:
    """A database restored from a backup with other permissions gets ours."""
    path = tmp_path / "serve.db"
    path.touch(mode=0o644)
    await (await open_store(path)).close()
    assert mode(path) == 0o600


async def test_sqlite_is_set_up_to_be_safe(tmp_path: Path) -> None:
    """Write-ahead log, full synchronisation and foreign keys are on in every connection."""
    store = await open_store(tmp_path / "serve.db")
    async with store._engine.connect() as first, store._engine.connect() as second:
        for connection in (first, second):
            settings = [
                (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
            assert settings == ["wal", 2, 1, 30000]
            await connection.rollback()
    await store.close()


async def test_migrations_lead_to_the_schema(where: Path | str) -> None:
    """The migrated database and schema.py do not differ, so neither was changed without the other."""
    store = await open_store(where)

    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), schema.metadata)

    async with store._engine.begin() as connection:
        assert await connection.run_sync(differences) == []
    await store.close()


@pytest.mark.parametrize(
    ("table", "kind", "extra"),
    [
        (schema.services, Service, {"next_replica_id"}),
        (schema.replicas, Replica, set()),
        (schema.events, Event, {"sequence"}),
    ],
)
def test_every_field_has_its_column(table: Table, kind: type, extra: set[str]) -> None:
    """A field added to a noun is not forgotten by the store."""
    assert set(table.columns.keys()) == {field.name for field in fields(kind)} | extra


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A database of a newer release is left as it is, and the message tells what to do."""
    path = tmp_path / "serve.db"
    await (await open_store(path)).close()
    await change(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StateUnusable, match=r"newer release.*9999.*knows up to \d{4}\. Install") as raised:
        await open_store(path)
    assert str(path) in str(raised.value)


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file of something else is named and left as it is."""
    path = tmp_path / "serve.db"
    path.write_bytes(b"hello, I am a poem\n" * 100)
    with pytest.raises(StateUnusable, match="not a database") as raised:
        await open_store(path)
    assert str(path) in str(raised.value)
    assert path.read_bytes().startswith(b"hello")


async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Where no file can be made, the error says where and why."""
    (tmp_path / "file").touch()
    with pytest.raises(StateUnusable, match=r"file/serve\.db cannot be made: .*SKY_HOME"):
        await open_store(tmp_path / "file" / "serve.db")
    with pytest.raises(StateUnusable, match="cannot be used"):
        await open_store(tmp_path)


async def test_passwords_are_not_shown() -> None:
    """The URL of a server that cannot be reached is told without its password."""
    pytest.importorskip("asyncpg")
    with pytest.raises(StateUnusable) as raised:
        await open_store("postgresql+asyncpg://sky:hunter2@127.0.0.1:1/sky")
    assert "hunter2" not in str(raised.value)
    assert "127.0.0.1" in str(raised.value)


async def test_errors_of_the_database_hide_what_was_written(tmp_path: Path) -> None:
    """A statement that fails does not put documents, which hold secrets, into the log."""
    path = tmp_path / "serve.db"
    store = await open_store(path)
    await change(path, "DROP TABLE versions")
    with pytest.raises(SQLAlchemyError) as raised:
        await store.create_service("web", 30001, '{"HF_TOKEN": "hunter2"}', (), 1.0)
    assert "hunter2" not in str(raised.value)
    await store.close()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE replicas SET phase = 'levitating'", r"replica 1 of service 1 .* for phase .*newer release"),
        ("UPDATE replicas SET offer = '{}'", r"replica 1 of service 1 .* for offer\.place"),
        ("UPDATE services SET goal = 'shine'", r"service 1 .* for goal"),
    ],
)
async def test_unknown_values_are_named(tmp_path: Path, statement: str, said: str) -> None:
    """A value that this release does not know is told with its row and column, and what to do."""
    path = tmp_path / "serve.db"
    store = await open_store(path)
    service = (await store.create_service("web", 30001, "{}", (), 1.0)).service
    await store.commit(service.id, 0, [AddReplica(1, OFFER, 20.5)])
    await change(path, statement)
    with pytest.raises(StateUnusable, match=said):
        await store.load(service.id)
    await store.close()


async def test_fields_of_the_future_are_left_aside(tmp_path: Path) -> None:
    """A nested value with one more key than we know is read without it."""
    path = tmp_path / "serve.db"
    store = await open_store(path)
    service = (await store.create_service("web", 30001, "{}", (), 1.0)).service
    await store.commit(service.id, 0, [AddReplica(1, OFFER, 20.5)])
    await change(path, """UPDATE replicas SET offer = json_set(offer, '$.colour', 'blue')""")
    record = await store.load(service.id)
    assert record is not None
    assert record.replicas[0].offer == OFFER
    await store.close()


async def test_two_may_open_at_once(tmp_path: Path) -> None:
    """Of several that open a database that is not there yet, one makes it and all agree on the owner."""
    path = tmp_path / "serve.db"
    stores = await asyncio.gather(*(open_store(path) for _ in range(4)))
    owners = {await store.owner() for store in stores}
    assert len(owners) == 1
    for store in stores:
        await store.close()


async def test_a_migration_that_dies_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schema is made whole or not at all, and the next open makes it."""
    path = tmp_path / "serve.db"

    def fail() -> str:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("secrets.token_hex", lambda _: fail())
        with pytest.raises(StateUnusable, match="the disk is full"):
            await open_store(path)
    assert await tables(path) == []
    store = await open_store(path)
    assert await store.services() == []
    await store.close()


async def test_a_database_of_the_first_release_is_brought_up_to_date(tmp_path: Path) -> None:
    """What it holds is as before: a version that came by `up`, no update under way, machines used once."""
    path = tmp_path / "serve.db"
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")

    def first_release(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", "skyserve.store:migrations")
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")

    async with engine.begin() as connection:
        await connection.run_sync(first_release)
    await engine.dispose()
    await change(path, "INSERT INTO services VALUES (1, 'web', 30001, 'run', 10.0, 0, NULL, '', 0, 0.0, NULL, 2)")
    await change(path, "INSERT INTO versions VALUES (1, 1, '{}', 10.0, 1)")
    values = f"1, 1, 1, 'ready', 10.0, 10.0, '{json.dumps(asdict(OFFER))}', NULL, NULL, '', NULL, NULL, 0, 0.0"
    await change(path, f"INSERT INTO replicas VALUES ({values})")
    store = await open_store(path)
    record = await store.load(1)
    assert record is not None
    assert record.service == Service(1, "web", 30001, Goal.RUN, 10.0)
    assert record.versions == (VersionRecord(1, 1, "{}", (), 10.0, ever_ready=True),)
    assert record.replicas == (Replica(1, 1, 1, Phase.READY, 10.0, 10.0, OFFER),)
    await store.close()
