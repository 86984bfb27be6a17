"""How shadows compare with the releases that answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "shadow_counts",
        sa.Column("model", sa.String(100), primary_key=True),
        sa.Column("shadow", sa.Integer, primary_key=True),
        sa.Column("release", sa.Integer, primary_key=True),
        sa.Column("source", sa.String(100), primary_key=True),
        sa.Column("window", sa.BigInteger, primary_key=True),
        sa.Column("counts", sa.LargeBinary, nullable=False),
    )
