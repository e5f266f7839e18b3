"""Real parts for every test: PostgreSQL, Redis, migrated tables, settings of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import settings as hypothesis_settings
from sqlalchemy import text

from backend.core import database, queue
from backend.core import redis as core_redis
from backend.core.database import Model, transaction
from backend.core.settings import settings
from backend.embedded.postgres import PostgresServer
from backend.embedded.redis import RedisServer

pytest_plugins = [
    # In the order in which they import each other.
    "tests.support.live_engine",
    "tests.support.model_engine",
    "tests.support.web_client",
    "tests.support.site",
]

ROOT = Path(__file__).parents[1]

# A busy machine is no finding: how long a call takes is measured in benchmarks/.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")

# A key or a server in a developer's shell must never be used by a test.
for name in ("OPENAI_API_KEY", "DATABASE_URL", "REDIS_URL", "S3_ENDPOINT", "IBKR_GATEWAY_URL"):
    os.environ.pop(name, None)


def forget_connections() -> None:
    """Make the next use of settings, database and Redis read the environment again."""
    if database.engine.cache_info().currsize:
        database.engine().dispose()
    settings.cache_clear()
    database.engine.cache_clear()
    core_redis.client.cache_clear()
    queue.queue.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `GLASSBOX_HOME` of this test process, and no `.env` of a developer's."""
    folder = tmp_path_factory.mktemp("home")
    os.environ["GLASSBOX_HOME"] = str(folder)
    os.environ["WEB_SECRET"] = "a secret for tests, of 32 characters and more"
    os.chdir(folder)
    forget_connections()
    return folder


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with PostgresServer(tmp_path_factory.mktemp("postgres"), durable=False).running() as server:
        yield server


@pytest.fixture(scope="session")
def database_url(postgres: PostgresServer, home: Path) -> Iterator[str]:
    """A migrated database, which DATABASE_URL names."""
    os.environ["DATABASE_URL"] = postgres.url
    forget_connections()
    command.upgrade(Config(ROOT / "database" / "alembic.ini"), "head")
    yield postgres.url
    forget_connections()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[str]:
    with RedisServer(tmp_path_factory.mktemp("redis"), durable=False).running() as server:
        os.environ["REDIS_URL"] = server.url
        forget_connections()
        yield server.url
        forget_connections()


@pytest.fixture
def db(database_url: str) -> Iterator[str]:
    """The database with empty tables; code under test commits as it does in production."""
    yield database_url
    empty_tables()


def empty_tables() -> None:
    names = ", ".join(table.name for table in Model.metadata.sorted_tables)
    with transaction() as session:
        session.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))


@pytest.fixture
def redis_server(redis_url: str) -> Iterator[str]:
    """An empty Redis."""
    yield redis_url
    core_redis.client().flushdb()
