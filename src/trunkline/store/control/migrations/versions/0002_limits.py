"""I/O. Limits of keys, budgets of organisations.

Revision 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_OF_KEYS = (
    "max_calls",
    "max_calls_per_minute",
    "max_call_seconds",
    "max_microusd_per_month",
    "spent_until_us",
)
_OF_ORGANISATIONS = ("max_microusd_per_month", "spent_until_us")


def upgrade() -> None:
    """Add a column for each; what was there before has no limit."""
    for name in _OF_KEYS:
        op.add_column("api_keys", sa.Column(name, sa.BigInteger(), nullable=True))
    for name in _OF_ORGANISATIONS:
        op.add_column("organisations", sa.Column(name, sa.BigInteger(), nullable=True))
