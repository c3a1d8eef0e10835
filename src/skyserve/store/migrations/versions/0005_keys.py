"""API keys: known by their hashes, with what each may use up and what it has used."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """There are none yet."""
    op.create_table(
        "keys",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "service_id",
            sa.Integer,
            sa.ForeignKey("services.id", name="fk_keys_services", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double),
        sa.Column("limits", sa.JSON, nullable=False),
        sa.Column("usage", sa.JSON, nullable=False),
        sa.UniqueConstraint("service_id", "name", name="uq_keys_service_id"),
        sqlite_autoincrement=True,
    )
