"""How long the replicas of each service take to be ready."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add it, unknown for what there is."""
    op.add_column("services", sa.Column("start_seconds", sa.Double))
