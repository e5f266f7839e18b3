"""Servers of their own for the tests that kill them, and how such tests look at executions."""

from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from backend.core import database, queue
from backend.core import redis as core_redis
from backend.core.database import Model, transaction
from backend.core.settings import settings
from tests.chaos.stage import FORKS, ROOT, Stage


def _forget_connections() -> None:
    if database.engine.cache_info().currsize:
        database.engine().dispose()
    for made_once in (settings, database.engine, core_redis.client, queue.queue):
        made_once.cache_clear()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    with pytest.MonkeyPatch.context() as environment:
        for name, value in stage.settings.items():
            environment.setenv(name, value)
        _new_forkserver()
    try:
        stage.start_servers()
        yield stage
    finally:
        stage.stop_servers()
        forkserver._forkserver._stop()  # type: ignore[attr-defined]


def _new_forkserver() -> None:
    """
    Workers inherit settings and imports of the one forkserver of this process, which another test
    may have started for its own ends. Its imports take long and run beside the servers' start.
    """
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    FORKS.set_forkserver_preload(["tests.chaos.forked_worker"])
    forkserver.ensure_running()


@pytest.fixture
def stage(servers: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """All servers up, empty tables, an empty queue; this process uses them too."""
    for name, value in servers.settings.items():
        monkeypatch.setenv(name, value)
    _forget_connections()
    command.upgrade(Config(ROOT / "database" / "alembic.ini"), "head")
    # Redis forgot what the gateway counts; the gateway must forget too, or it sees a burst.
    with servers.control() as control:
        control.reset()
    try:
        yield servers
    finally:
        servers.stop_processes()
        core_redis.client().flushdb()
        _empty_tables()
        monkeypatch.undo()
        _forget_connections()


def _empty_tables() -> None:
    names = ", ".join(table.name for table in Model.metadata.sorted_tables)
    with transaction() as session:
        session.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
