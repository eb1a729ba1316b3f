"""Runs the migrations on the connection that gateway/schema.py hands over, inside its transaction."""

from alembic import context

from gateway.schema import tables, version_table

_options = context.config.attributes
context.configure(
    connection=_options["connection"],
    target_metadata=list(tables(_options["branch"])),
    version_table=version_table(_options["branch"]),
    transactional_ddl=False,  # the transaction is the caller's
)
context.run_migrations()
