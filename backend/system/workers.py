"""Workers, their tasks, the queue and Beat; workers are asked, and asked only for so long."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.core import heartbeats, redis
from backend.core.clock import from_ms
from backend.core.logging import get_logger
from backend.core.queue import queue
from backend.executions.models import Execution, Status
from backend.portfolio.books.models import AccountBooks

logger = get_logger(__name__)

ANSWER_SECONDS = 1.2
"""Whoever has not answered by then is shown as silent."""


@dataclass(frozen=True, kw_only=True)
class Task:
    name: str
    execution_id: int | None
    started_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Worker:
    """`last_seen_at` is its own sign of life; the rest is its answer, None while it is silent."""

    name: str
    last_seen_at: datetime
    is_alive: bool
    threads: int | None = None
    process_id: int | None = None
    up_seconds: int | None = None
    done: int | None = None
    tasks: tuple[Task, ...] = ()

    @property
    def state(self) -> str:
        if not self.is_alive:
            return "away"
        return "good" if self.threads is not None else "silent"


@dataclass(frozen=True, kw_only=True)
class Beat:
    name: str
    last_tick_at: datetime
    is_alive: bool


@dataclass(frozen=True, kw_only=True)
class Tracker:
    name: str
    last_seen_at: datetime
    is_alive: bool
    follows: tuple[AccountBooks, ...]
    """Accounts that it leads, as it last wrote."""


@dataclass(frozen=True, kw_only=True)
class Queue:
    messages: int
    """Sent, and taken by no worker yet."""
    by_status: dict[str, int]
    """Unfinished executions, as the database has them."""
    oldest_wait_seconds: float | None


def workers(now: datetime) -> list[Worker]:
    """Raises `RedisError` when Redis does not answer."""
    seen = heartbeats.missed("worker", now)
    alive = [name for name, moment in seen.items() if _is_alive(moment, now)]
    answers = _ask(alive) if alive else {}
    return [
        Worker(name=name, last_seen_at=moment, is_alive=name in alive, **answers.get(name, {}))
        for name, moment in seen.items()
    ]


def beats(now: datetime) -> list[Beat]:
    """Raises `RedisError` when Redis does not answer."""
    return [
        Beat(name=name, last_tick_at=moment, is_alive=_is_alive(moment, now))
        for name, moment in heartbeats.missed("beat", now).items()
    ]


def trackers(session: Session, now: datetime) -> list[Tracker]:
    """Raises `RedisError` when Redis does not answer."""
    books = session.scalars(select(AccountBooks).order_by(AccountBooks.account)).all()
    return [
        Tracker(
            name=name,
            last_seen_at=moment,
            is_alive=_is_alive(moment, now),
            follows=tuple(each for each in books if each.followed_by == name),
        )
        for name, moment in heartbeats.missed("tracker", now).items()
    ]


def waiting(session: Session, now: datetime) -> Queue:
    """Raises `RedisError` when Redis does not answer."""
    rows = session.execute(
        select(Execution.status, func.count(), func.min(Execution.created_at))
        .where(Execution.status != Status.FINISHED)
        .group_by(Execution.status)
    ).all()
    oldest = next((since for status, _, since in rows if status is Status.QUEUED), None)
    return Queue(
        messages=int(redis.client().llen("celery")),
        by_status={status.value: count for status, count, _ in rows},
        oldest_wait_seconds=(now - oldest).total_seconds() if oldest else None,
    )


def _is_alive(moment: datetime, now: datetime) -> bool:
    return now - moment <= heartbeats.LATE_AFTER


def _ask(names: list[str]) -> dict[str, dict[str, Any]]:
    """Both questions at once: each waits for all who were asked, or until its time is over."""
    try:
        with ThreadPoolExecutor(2) as pool:
            stats, active = pool.map(
                lambda question: _answers(question, names), ("stats", "active")
            )
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("workers_not_asked", why=str(error))
        return {}
    return {name: _told(stats[name], active.get(name, [])) for name in names if name in stats}


def _answers(question: str, names: list[str]) -> dict[str, Any]:
    inspect = queue().control.inspect(destination=names, timeout=ANSWER_SECONDS)
    return getattr(inspect, question)() or {}


def _told(stats: dict[str, Any], active: list[dict[str, Any]]) -> dict[str, Any]:
    pool = stats.get("pool") or {}
    return {
        "threads": pool.get("max-concurrency"),
        "process_id": stats.get("pid"),
        "up_seconds": stats.get("uptime"),
        "done": sum((stats.get("total") or {}).values()),
        "tasks": tuple(_task(each) for each in active),
    }


def _task(told: dict[str, Any]) -> Task:
    name, arguments = str(told.get("name")), told.get("args") or []
    is_run = name == "executions.run" and arguments
    started = told.get("time_start")
    return Task(
        name=name,
        execution_id=int(arguments[0]) if is_run else None,
        started_at=from_ms(int(started * 1000)) if started else None,
    )
