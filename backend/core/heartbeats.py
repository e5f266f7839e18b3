"""
Signs of life of processes that nobody can ask: when each was last seen, kept in Redis.

Whoever stops writing is missed; whoever was not seen for a day is forgotten.
"""

from datetime import datetime, timedelta
from typing import Any

from backend.core import redis
from backend.core.clock import Clock, from_ms, to_ms
from backend.core.outbox import outbox

KEEP = timedelta(days=1)
EVERY = timedelta(seconds=10)
LATE_AFTER = timedelta(minutes=1)


def beat(kind: str, name: str, clock: Clock) -> None:
    """Says that a process is alive; it neither waits nor raises."""
    now = clock.now()
    outbox.send(
        ("ZADD", _key(kind), to_ms(now), name),
        ("ZREMRANGEBYSCORE", _key(kind), "-inf", to_ms(now - KEEP)),
    )


def last_seen(kind: str) -> dict[str, datetime]:
    """By name, the latest first. Raises `RedisError` when Redis is away."""
    rows: Any = redis.client().zrange(_key(kind), 0, -1, desc=True, withscores=True)
    return {str(name): from_ms(int(score)) for name, score in rows}


def _key(kind: str) -> str:
    return f"glassbox:heartbeats:{kind}"
