"""Is every part there that an execution needs?"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from redis.exceptions import RedisError
from sqlalchemy import text

from backend.brokers.base import SessionStatus
from backend.core import heartbeats, redis
from backend.core.clock import Clock, machine_clock
from backend.core.database import transaction
from backend.core.errors import AppError
from backend.web.standing import Standing
from backend.workflow.steps import Tools


@dataclass(frozen=True, kw_only=True)
class Part:
    """`is_needed` parts make the whole not ready; the others are only told of."""

    name: str
    is_ready: bool
    is_needed: bool
    detail: str
    seconds: float
    advice: str = ""
    """What a person can do about it; empty when it is ready."""


def parts(tools: Tools) -> list[Part]:
    return [
        _check("database", _database),
        _check("queue", _queue),
        _check("storage", lambda: _storage(tools)),
        _check("gateway", lambda: _gateway(tools), is_needed=False),
        _check("analyst", lambda: f"{tools.analyst.name} answers", is_needed=False),
    ]


_ADVICE = {
    "database": "Look at ./glassbox status and the log of postgres; nothing runs without it.",
    "queue": "Look at ./glassbox status and the log of redis; executions wait until it is back.",
    "storage": "Look at GLASSBOX_HOME's disk, or S3_ENDPOINT and its keys.",
    "gateway": "Executions are parked until it is back and go on by themselves.",
    "beat": "Schedules stand still. Start Beat: ./glassbox up, or its service.",
    "tracker": "Nobody follows orders at the broker. Start it: ./glassbox up, or its service.",
    "worker": "Executions wait in the queue. Start a worker: ./glassbox up, or its service.",
}


class Board:
    """What people are shown of the parts: asked anew at most every few seconds, for all pages."""

    FRESH_SECONDS = 10.0

    def __init__(self, tools: Tools, standing: Callable[[], Standing | None]) -> None:
        self._tools = tools
        self._standing = standing
        self._asking = threading.Lock()
        self._known: tuple[float, datetime, list[Part]] | None = None

    @property
    def known(self) -> tuple[datetime, list[Part]] | None:
        """What was found lately and when; None when that is too old to show without asking."""
        if self._known is None or time.monotonic() - self._known[0] > self.FRESH_SECONDS:
            return None
        return self._known[1:]

    def ask(self) -> tuple[datetime, list[Part]]:
        """May take seconds while a part is away."""
        with self._asking:
            if (known := self.known) is None:
                now = self._tools.clock.now()
                known = now, self._look()
                self._known = (time.monotonic(), *known)
        return known

    def _look(self) -> list[Part]:
        checks: dict[str, Callable[[], str]] = {
            "database": _database,
            "queue": _queue,
            "storage": lambda: _storage(self._tools),
            "gateway": self._gateway,
            "beat": lambda: _alive("beat", "Beat", self._tools.clock),
            "worker": lambda: _alive("worker", "worker", self._tools.clock),
            "tracker": lambda: _alive("tracker", "tracker", self._tools.clock),
            "analyst": lambda: f"{self._tools.analyst.name} answers",
        }
        found = [
            _check(name, look, is_needed=name not in ("gateway", "analyst"))
            for name, look in checks.items()
        ]
        return [
            part if part.is_ready else replace(part, advice=_ADVICE.get(part.name, ""))
            for part in found
        ]

    def _gateway(self) -> str:
        """What was last seen, so that no page asks the gateway."""
        standing = self._standing()
        if standing is None:
            raise AppError("Nobody has looked at the gateway yet.")
        if not standing.is_connected or standing.is_stale:
            raise AppError(standing.sentence)
        return f"{standing.label.lower()}, account {standing.account or 'unknown'}"


def _alive(kind: str, noun: str, clock: Clock) -> str:
    now, seen = machine_clock(clock).now(), heartbeats.last_seen(kind)
    alive = [name for name, moment in seen.items() if now - moment <= heartbeats.LATE_AFTER]
    if alive:
        return f"{len(alive)} alive: {', '.join(alive[:3])}{' …' if len(alive) > 3 else ''}"
    if not seen:
        raise AppError(f"No {noun} was seen in the last day.")
    name, moment = next(iter(seen.items()))
    raise AppError(f"{name} was last seen at {moment:%Y-%m-%d %H:%M:%S} UTC.")


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
