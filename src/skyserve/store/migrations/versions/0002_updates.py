"""Updates: where each version came from and what became of it, and how far the update under way has come."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """What is there already came by `up`, and no update is under way."""
    op.add_column("services", sa.Column("rollout", sa.JSON(none_as_null=True)))
    op.add_column("versions", sa.Column("reason", sa.Text, nullable=False, server_default="up"))
    op.add_column("versions", sa.Column("outcome", sa.Text, nullable=False, server_default=""))
    op.add_column("replicas", sa.Column("renewals", sa.Integer, nullable=False, server_default="0"))
