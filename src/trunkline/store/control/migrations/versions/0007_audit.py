"""I/O. What was done to one thing is looked for in the audit log.

Revision 0007.
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the index that finds it."""
    op.create_index("ix_audit_log_subject", "audit_log", ["subject"], unique=False)
