"""Run by Alembic to do the migrations, on the connection and in the transaction that open_store has begun."""

from alembic import context

from skyserve.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
