"""What placement on spot machines remembers of each service, and when a replica's loss was foretold."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add both, unknown for what there is."""
    op.add_column("services", sa.Column("placement", sa.JSON(none_as_null=True)))
    op.add_column("replicas", sa.Column("noticed_at", sa.Double))
