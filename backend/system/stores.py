"""What lies where: the database with its tables, Redis, the artifacts."""

import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.core import redis
from backend.storage.base import Storage
from backend.storage.filesystem import FilesystemStorage

_ALEMBIC = Path(__file__).parents[2] / "database" / "alembic.ini"
TABLES = 10


@dataclass(frozen=True, kw_only=True)
class Table:
    name: str
    bytes: int
    rows: int
    """As the database estimates them."""
    share: float
    """Of the largest table."""


@dataclass(frozen=True, kw_only=True)
class Database:
    version: str
    bytes: int
    migration: str
    newest_migration: str
    connections: int
    most_connections: int
    tables: list[Table]

    @property
    def is_migrated(self) -> bool:
        return self.migration == self.newest_migration


@dataclass(frozen=True, kw_only=True)
class Redis:
    version: str
    bytes: int
    clients: int
    up_seconds: int
    is_kept: bool
    """Whether what it holds survives a restart."""


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    place: str
    count: int
    bytes: int
    free_bytes: int | None
    """On the disk; None where another machine holds them."""


_DATABASE = text("""
SELECT current_setting('server_version') AS version,
  pg_database_size(current_database()) AS bytes,
  (SELECT version_num FROM alembic_version) AS migration,
  (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections,
  current_setting('max_connections')::int AS most_connections
""")

# A partitioned table is as large as its partitions together.
_TABLES = text("""
SELECT coalesce(parent.relname, own.relname) AS name,
  sum(pg_total_relation_size(own.oid))::bigint AS bytes,
  coalesce(sum(n_live_tup), 0)::bigint AS rows
FROM pg_class AS own
LEFT JOIN pg_stat_user_tables ON relid = own.oid
LEFT JOIN pg_inherits ON inhrelid = own.oid
LEFT JOIN pg_class AS parent ON parent.oid = inhparent
WHERE own.relkind = 'r' AND own.relnamespace = 'public'::regnamespace
GROUP BY 1 ORDER BY 2 DESC LIMIT :most
""")


def database(session: Session) -> Database:
    row = session.execute(_DATABASE).mappings().one()
    tables = session.execute(_TABLES, {"most": TABLES}).mappings().all()
    largest = max((each["bytes"] for each in tables), default=1) or 1
    return Database(
        **row,
        newest_migration=_newest_migration(),
        tables=[Table(**each, share=each["bytes"] / largest) for each in tables],
    )


@cache
def _newest_migration() -> str:
    """Of the code that runs; reads every migration, so once is enough."""
    config = Config(_ALEMBIC)
    return ScriptDirectory.from_config(config).get_current_head() or ""


def redis_server() -> Redis:
    """Raises `RedisError` when it does not answer."""
    told: dict[str, Any] = redis.client().info()
    return Redis(
        version=str(told["redis_version"]),
        bytes=int(told["used_memory"]),
        clients=int(told["connected_clients"]),
        up_seconds=int(told["uptime_in_seconds"]),
        is_kept=bool(int(told.get("aof_enabled", 0))),
    )


def artifacts(session: Session, storage: Storage) -> Artifacts:
    count, size = session.execute(
        text("SELECT count(*), coalesce(sum(size), 0)::bigint FROM artifacts")
    ).one()
    if isinstance(storage, FilesystemStorage):
        return Artifacts(
            place=str(storage.root), count=count, bytes=size, free_bytes=_free(storage.root)
        )
    return Artifacts(place="S3", count=count, bytes=size, free_bytes=None)


def _free(folder: Path) -> int | None:
    """Of the disk that holds the folder, which may not be there yet."""
    there = next((each for each in (folder, *folder.parents) if each.exists()), None)
    return shutil.disk_usage(there).free if there else None
