"""The real store over SQLite in memory, without the driver's thread: so that time can be virtual, equal beginnings have
equal ends, and a run costs no file."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from skyserve.store.opening import migrate, prepare_sqlite
from skyserve.store.sql import SqlStore

_made: list[bytes] = []
"""A database with its schema, made once in each process."""


class Database:
    """What outlives the controllers that open it. A transaction is done at once, so that none is cut in two."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)

    @classmethod
    async def make(cls, owner: str) -> "Database":
        """One that is new. `owner`: the id of the installation, which a real database draws by lot."""
        database = cls()
        if _made:
            database._connection.deserialize(_made[0])
        else:
            async with database._engine().begin() as connection:
                await connection.run_sync(migrate, "in memory")
            _made.append(database._connection.serialize())
        database._connection.execute("UPDATE installation SET owner = ?", (owner,))
        return database

    def open(self) -> SqlStore:
        """A store over it, as at a start of the controller; what the one before had not committed is undone."""
        self._connection.rollback()
        return SqlStore(self._engine())

    def _engine(self) -> AsyncEngine:
        engine = create_async_engine("sqlite+aiosqlite://", hide_parameters=True, async_creator=self._connect)
        prepare_sqlite(engine)
        return engine

    async def _connect(self, *_: object, **__: object) -> "_Connection":
        return _Connection(self._connection)


class _Cursor:
    """A cursor whose coroutines never wait."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    async def __aenter__(self) -> "_Cursor":
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self._cursor.execute(sql, parameters)

    async def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._cursor.executemany(sql, rows)

    async def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    async def close(self) -> None:
        self._cursor.close()


class _Connection:
    """As much of aiosqlite's connection as SQLAlchemy uses, over one that is shared and stays open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def cursor(self) -> _Cursor:
        return _Cursor(self._connection.cursor())

    async def create_function(self, *about: Any, **options: Any) -> None:
        self._connection.create_function(*about, **options)

    async def commit(self) -> None:
        self._connection.commit()

    async def rollback(self) -> None:
        self._connection.rollback()

    async def close(self) -> None:
        """The next controller opens it again."""

    def stop(self) -> None:
        """As close."""
