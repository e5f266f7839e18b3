"""
Signs of life of processes that nobody can ask: when each was last seen, kept in Redis.

Whoever stops writing is missed, unless another one has begun in its place; whoever was not seen for
a day is forgotten.
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
    now, first, kept = clock.now(), _first_key(kind, name), int(KEEP.total_seconds())
    outbox.send(
        ("ZADD", _key(kind), to_ms(now), name),
        ("SET", first, to_ms(now), "NX", "EX", kept),
        ("EXPIRE", first, kept),
        ("ZREMRANGEBYSCORE", _key(kind), "-inf", to_ms(now - KEEP)),
    )


def last_seen(kind: str) -> dict[str, datetime]:
    """By name, the latest first. Raises `RedisError` when Redis is away."""
    rows: Any = redis.client().zrange(_key(kind), 0, -1, desc=True, withscores=True)
    return {str(name): from_ms(int(score)) for name, score in rows}


def missed(kind: str, now: datetime) -> dict[str, datetime]:
    """
    As `last_seen`, without silent ones in whose place another one has begun: a restart leaves
    nobody behind. Each makes up for one, so that of two the one that is gone for good is told of.
    """
    seen = last_seen(kind)
    begun = _begun(kind, list(seen))
    silent = [(name, moment) for name, moment in seen.items() if now - moment > LATE_AFTER]
    for name, moment in silent:
        successor = next((each for each, first in begun.items() if first > moment), None)
        if successor is not None:
            del begun[successor], seen[name]
    return seen


def _begun(kind: str, names: list[str]) -> dict[str, datetime]:
    """When each gave its first sign of life."""
    if not names:
        return {}
    found: Any = redis.client().mget([_first_key(kind, name) for name in names])
    return {name: from_ms(int(first)) for name, first in zip(names, found, strict=True) if first}


def _first_key(kind: str, name: str) -> str:
    return f"{_key(kind)}:first:{name}"


def _key(kind: str) -> str:
    return f"glassbox:heartbeats:{kind}"
