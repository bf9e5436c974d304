"""I/O. What Alembic runs: the migrations, on the connection that the store hands over."""

from alembic import context

from trunkline.store.control.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite can change a table only by making it anew.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
