"""Real parts on free ports, in folders that go with them; settings point at them in the block."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from backend.core import database, logging, queue
from backend.core import redis as core_redis
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.settings import settings
from backend.embedded.postgres import PostgresServer
from backend.embedded.redis import RedisServer
from backend.executions import dispatch
from backend.executions.models import Trigger
from backend.strategies import prompts
from backend.strategies import service as strategies
from backend.strategies.models import Strategy

ROOT = Path(__file__).parents[1]
_EXAMPLE = ROOT / "database" / "seed" / "example_strategy.yaml"

# Not /tmp, which is memory on many machines: there a commit would cost nothing.
_DISK = "/var/tmp"

_number = itertools.count(1)


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder on a disk."""
    with TemporaryDirectory(prefix="glassbox-bench-", dir=_DISK) as path:
        yield Path(path)


@contextmanager
def pointed_at(**environment: str | None) -> Iterator[None]:
    """
    These settings in this process and its children, None for unset; connections made before are
    forgotten.
    """
    before = {name: os.environ.get(name) for name in environment}
    _set(environment)
    try:
        yield
    finally:
        _set(before)


def _set(environment: dict[str, str | None]) -> None:
    for name, value in environment.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    _forget_connections()


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """PostgreSQL as `glassbox up` runs it, every commit on the disk, with empty tables."""
    with (
        folder() as home,
        PostgresServer(home / "postgres").running() as server,
        pointed_at(DATABASE_URL=server.url),
    ):
        command.upgrade(Config(ROOT / "database" / "alembic.ini"), "head")
        yield server


@contextmanager
def redis() -> Iterator[RedisServer]:
    """Redis as `glassbox up` runs it."""
    with (
        folder() as home,
        RedisServer(home / "redis").running() as server,
        pointed_at(REDIS_URL=server.url),
    ):
        yield server


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Log lines are built as in a worker, and only warnings are shown."""
    with pointed_at(LOG_LEVEL="WARNING"):
        logging.configure("benchmark")
        yield


def example() -> dict[str, Any]:
    """The strategy that comes with Glassbox: two timeframes of seven indicators each."""
    document: dict[str, Any] = yaml.safe_load(_EXAMPLE.read_text())
    return document


def save(clock: Clock, document: dict[str, Any], *, is_enabled: bool = False) -> Strategy:
    with transaction() as session:
        prompts.add_defaults(session, clock)
        return strategies.create(
            session, clock, document=document, author="benchmark", is_enabled=is_enabled
        )


def waiting(clock: Clock, document: dict[str, Any], count: int) -> Iterator[int]:
    """Executions made as a person makes them, of as many such strategies as it takes."""
    ids: list[int] = []
    while len(ids) < count:
        strategy = save(clock, document | {"name": f"Waiting {next(_number)}"})
        with transaction() as session:
            ids += dispatch.start(
                session,
                clock,
                strategies.get(session, strategy.id),
                symbols=None,
                trigger=Trigger.CLI,
                requested_by="benchmark",
            )
    return iter(ids)


def copy(strategy: Strategy, count: int) -> None:
    """That many more of the same under other names, as rows: saving each would take minutes."""
    with transaction() as session:
        session.execute(_COPY, {"id": strategy.id, "count": count})
    with database.statements() as connection:
        connection.execute(text("VACUUM ANALYZE strategies, strategy_versions"))


_COPY = text("""
WITH copied AS (
  INSERT INTO strategies (name, is_enabled, next_due_at, created_at, updated_at, version_number)
  SELECT name || ' ' || number, is_enabled, next_due_at, created_at, updated_at, version_number
  FROM strategies, generate_series(1, :count) AS number WHERE id = :id
  RETURNING id
)
INSERT INTO strategy_versions (strategy_id, number, definition, created_at, created_by)
SELECT copied.id, version.number, version.definition, version.created_at, version.created_by
FROM copied, strategy_versions AS version WHERE version.strategy_id = :id
""")


def _forget_connections() -> None:
    if database.engine.cache_info().currsize:
        database.engine().dispose()
    for made_once in (settings, database.engine, core_redis.client, queue.queue):
        made_once.cache_clear()
