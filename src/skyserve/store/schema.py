"""The tables, as the latest migration leaves them. Columns are named as the fields in skyserve.model they hold.

What is queried has a column of its type; nested values that are only ever read whole (an offer, an instance) are JSON.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class Prose(TypeDecorator[str]):
    """Text that may quote anything, such as the last lines of a log: what databases refuse (NUL, half of a surrogate
    pair) becomes a replacement character, since a decision must not be lost over its wording."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """On its way to the database."""
        if value is None:
            return None
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\0", "\ufffd")


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

installation = Table(
    "installation",
    metadata,
    Column("owner", Text, primary_key=True),
    comment="One row, made by the first migration.",
)

services = Table(
    "services",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("port", Integer, nullable=False),
    Column("goal", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("first_ready_at", Double),
    Column("stopped_reason", Prose, nullable=False),
    Column("failure_streak", Integer, nullable=False),
    Column("last_failure_at", Double, nullable=False),
    Column("start_seconds", Double),
    Column("scaling", JSON(none_as_null=True)),
    Column("rollout", JSON(none_as_null=True)),
    Column("placement", JSON(none_as_null=True)),
    Column("next_replica_id", Integer, nullable=False),
    sqlite_autoincrement=True,  # ids of removed services stay used, as they do by PostgreSQL's sequences
)

versions = Table(
    "versions",
    metadata,
    Column("service_id", ForeignKey(services.c.id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("ever_ready", Boolean, nullable=False),
    Column("reason", Prose, nullable=False, server_default="up"),
    Column("outcome", Prose, nullable=False, server_default=""),
)

version_trees = Table(
    "version_trees",
    metadata,
    Column("service_id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("destination", Text, nullable=False),
    Column("tree_id", Text, nullable=False),
    ForeignKeyConstraint(["service_id", "number"], [versions.c.service_id, versions.c.number], ondelete="CASCADE"),
)

replicas = Table(
    "replicas",
    metadata,
    Column("service_id", Integer, primary_key=True, autoincrement=False),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("phase", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("offer", JSON, nullable=False),
    Column("instance", JSON(none_as_null=True)),
    Column("ended_by", Text),
    Column("detail", Prose, nullable=False),
    Column("ready_since", Double),
    Column("first_ready_at", Double),
    Column("attempts", Integer, nullable=False),
    Column("retry_at", Double, nullable=False),
    Column("renewals", Integer, nullable=False, server_default="0"),
    Column("noticed_at", Double),
    ForeignKeyConstraint(["service_id", "version"], [versions.c.service_id, versions.c.number], ondelete="CASCADE"),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey(services.c.id, ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("limits", JSON, nullable=False),
    Column("usage", JSON, nullable=False),
    UniqueConstraint("service_id", "name"),
    sqlite_autoincrement=True,  # the endpoint counts by id: that of a revoked key is never another's
)

events = Table(
    "events",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("service_id", Integer, nullable=False),  # no foreign key: events outlive their service
    Column("at", Double, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Prose, nullable=False),
    Column("replica_id", Integer),
    Index(None, "service_id", "sequence"),
    sqlite_autoincrement=True,  # a reader that asks for what came after a number must never see that number again
)
