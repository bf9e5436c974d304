"""I/O. Whether people of an organisation may listen in to its calls.

Revision 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the setting; nobody may unless an owner says so."""
    op.add_column(
        "organisations",
        sa.Column("may_listen", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
