"""Services, their versions and replicas, the history of each, and the id of this installation."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables, and name the installation once and for ever."""
    installation = op.create_table(
        "installation",
        sa.Column("owner", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_installation"),
        comment="One row, made by the first migration.",
    )
    # 16 hexadecimal digits: valid as a tag or label on every cloud, and not met twice.
    op.bulk_insert(installation, [{"owner": secrets.token_hex(8)}])
    _create_services()
    _create_replicas()
    _create_events()


def _create_services() -> None:
    op.create_table(
        "services",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("goal", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("first_ready_at", sa.Double),
        sa.Column("stopped_reason", sa.Text, nullable=False),
        sa.Column("failure_streak", sa.Integer, nullable=False),
        sa.Column("last_failure_at", sa.Double, nullable=False),
        sa.Column("scaling", sa.JSON(none_as_null=True)),
        sa.Column("next_replica_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_services"),
        sa.UniqueConstraint("name", name="uq_services_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "versions",
        sa.Column("service_id", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("ever_ready", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("service_id", "number", name="pk_versions"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name="fk_versions_services", ondelete="CASCADE"),
    )
    op.create_table(
        "version_trees",
        sa.Column("service_id", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("tree_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("service_id", "number", "position", name="pk_version_trees"),
        sa.ForeignKeyConstraint(
            ["service_id", "number"],
            ["versions.service_id", "versions.number"],
            name="fk_version_trees_versions",
            ondelete="CASCADE",
        ),
    )


def _create_replicas() -> None:
    op.create_table(
        "replicas",
        sa.Column("service_id", sa.Integer, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("offer", sa.JSON, nullable=False),
        sa.Column("instance", sa.JSON(none_as_null=True)),
        sa.Column("ended_by", sa.Text),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("ready_since", sa.Double),
        sa.Column("first_ready_at", sa.Double),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retry_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("service_id", "id", name="pk_replicas"),
        sa.ForeignKeyConstraint(
            ["service_id", "version"],
            ["versions.service_id", "versions.number"],
            name="fk_replicas_versions",
            ondelete="CASCADE",
        ),
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("service_id", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("replica_id", sa.Integer),
        sa.PrimaryKeyConstraint("sequence", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_service_id_sequence", "events", ["service_id", "sequence"])
