"""Alembic's environment: migrates the database that DATABASE_URL names, one process at a time."""

from typing import Any

from alembic import context
from sqlalchemy import text

from backend.core.database import Model, engine

# Any number; two processes that migrate at once meet on it.
MIGRATION_LOCK = 5_041_927


def include_object(_object: Any, name: str | None, kind: str, _reflected: bool, _to: Any) -> bool:
    """Leave the monthly partitions to `executions.partitions`."""
    is_partition = kind == "table" and str(name).startswith("workflow_lineage_")
    is_partitions_index = kind == "index" and _object.table.name.startswith("workflow_lineage_")
    return not (is_partition or is_partitions_index)


with engine().connect() as connection:
    connection.execute(text("SET lock_timeout = '10s'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Model.metadata,
        include_object=include_object,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
    connection.commit()
engine().dispose()
