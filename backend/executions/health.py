"""Is every part there that an execution needs?"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy import text

from backend.brokers.base import SessionStatus
from backend.core import redis
from backend.core.database import transaction
from backend.core.errors import AppError
from backend.workflow.steps import Tools


@dataclass(frozen=True, kw_only=True)
class Part:
    """`is_needed` parts make the whole not ready; the others are only told of."""

    name: str
    is_ready: bool
    is_needed: bool
    detail: str
    seconds: float


def parts(tools: Tools) -> list[Part]:
    return [
        _check("database", _database),
        _check("queue", _queue),
        _check("storage", lambda: _storage(tools)),
        _check("gateway", lambda: _gateway(tools), is_needed=False),
        _check("analyst", lambda: f"{tools.analyst.name} answers", is_needed=False),
    ]


def _check(name: str, look: Callable[[], str], *, is_needed: bool = True) -> Part:
    start = time.perf_counter()
    try:
        detail, is_ready = look(), True
    except AppError as error:
        detail, is_ready = error.message, False
    except (RedisError, OSError) as error:
        detail, is_ready = f"{type(error).__name__}: it does not answer.", False
    return Part(
        name=name,
        is_ready=is_ready,
        is_needed=is_needed,
        detail=detail,
        seconds=time.perf_counter() - start,
    )


def _database() -> str:
    with transaction() as session:
        version = session.scalar(text("SELECT version_num FROM alembic_version"))
    return f"migrated to {version}"


def _queue() -> str:
    waiting = redis.client().llen("celery")
    return f"{waiting} messages wait"


def _storage(tools: Tools) -> str:
    tools.storage.check()
    return "reads and writes"


def _gateway(tools: Tools) -> str:
    session = tools.broker.session()
    if session.status is not SessionStatus.READY:
        raise AppError(session.detail)
    return f"{session.detail}{' (simulated)' if session.is_simulated else ''}"
