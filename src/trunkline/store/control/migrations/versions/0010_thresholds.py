"""I/O. Thresholds that organisations have of their own.

Revision 0010.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column; nobody has any yet."""
    op.add_column("organisations", sa.Column("thresholds", sa.Text(), nullable=True))
