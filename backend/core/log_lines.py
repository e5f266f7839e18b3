"""
The log lines of one execution, kept for a while where every process can read them.

They help to find out what went wrong; the record is the lineage. Lines may be lost when Redis is.
"""

from datetime import timedelta
from typing import Any

import orjson
from redis.exceptions import RedisError

from backend.core import redis
from backend.core.errors import TemporaryError
from backend.core.outbox import outbox

MOST_LINES = 1_000
"""Of one execution; the newest stay."""
KEPT = timedelta(days=7)
_LONGEST = 8_000
"""Characters of one line: a traceback, not a dump."""


def keep(_logger: Any, method: str, event: Any) -> Any:
    """
    A structlog processor, behind the one that hides secrets: remembers what is said while an
    execution is bound to the context, debug lines included.
    """
    execution_id = event.get("execution")
    if isinstance(execution_id, int):
        key = _key(execution_id)
        line = orjson.dumps({"level": method, **event}, default=str)[:_LONGEST]
        outbox.send(
            ("RPUSH", key, line.decode("utf-8", "replace")),
            ("LTRIM", key, -MOST_LINES, -1),
            ("EXPIRE", key, int(KEPT.total_seconds())),
        )
    return event


def read(execution_id: int) -> list[dict[str, Any]]:
    """
    Oldest first; each has `event`, `level` and `timestamp`, most a `step`.

    Raises `TemporaryError` when Redis is away.
    """
    try:
        lines: Any = redis.client().lrange(_key(execution_id), 0, -1)
    except (RedisError, OSError) as error:
        raise TemporaryError(
            "Redis is away, and with it the log lines. The lineage has all that counts.",
            code="log_away",
        ) from error
    return [_parsed(line) for line in lines]


def _parsed(line: str) -> dict[str, Any]:
    try:
        parsed: dict[str, Any] = orjson.loads(line)
    except orjson.JSONDecodeError:
        # Cut off at the longest.
        return {"event": line, "level": "info", "timestamp": ""}
    return parsed


def _key(execution_id: int) -> str:
    return f"glassbox:log:{execution_id}"
