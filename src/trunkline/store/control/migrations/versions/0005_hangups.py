"""I/O. Who has hung up calls is looked for in the audit log, by what was done.

Revision 0005.
"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the index that finds it."""
    op.create_index("ix_audit_log_action_at_us", "audit_log", ["action", "at_us"], unique=False)
