"""Six recorded steps: our executor beside raw psycopg2 that writes the same rows, step by step."""

from contextlib import closing
from typing import Any

import psycopg2
from psycopg2.extras import Json, RealDictCursor

from backend.core.clock import SystemClock
from benchmarks import noop, stack
from benchmarks.indicators import interleaved

FLOWS = 120
WARM_UP = 15
SYMBOLS = [f"S{number}" for number in range(50)]

_COLUMNS = (
    *("step", "attempt", "status", "reason_code", "reason", "input", "output", "artifacts"),
    *("notes", "tokens", "cost_usd", "started_at", "recorded_at", "seconds", "actor"),
    *("code_version", "previous_hash", "hash"),
)
_START = """
UPDATE executions SET status = 'running', lease_token = 'token',
  lease_until = clock_timestamp() + interval '60 s', started_at = now(),
  current_step = 'step_1', current_attempt = 1, current_step_started_at = now()
WHERE id = %s
"""
_RECORD = f"""
INSERT INTO workflow_lineage (execution_id, sequence, {", ".join(_COLUMNS)})
VALUES (%s, %s, {", ".join(["%s"] * len(_COLUMNS))})
"""
_ADVANCE = """
UPDATE executions SET record_count = record_count + 1, chain_head = %s, current_step = %s,
  current_attempt = 1, current_step_started_at = now()
WHERE id = %s
"""
_FINISH = """
UPDATE executions SET status = 'finished', outcome = 'held', finished_at = now(),
  current_step = NULL, current_attempt = NULL, current_step_started_at = NULL,
  lease_token = NULL, lease_until = NULL
WHERE id = %s
"""


def run() -> list[dict[str, Any]]:
    """The median of a flow of six steps in milliseconds; raw commits eight times."""
    with stack.quiet_logs(), stack.postgres() as server, stack.redis():
        executor = noop.executor(steps=6)
        document = stack.example() | {"symbols": SYMBOLS}
        ids = stack.waiting(SystemClock(), document, 2 * (FLOWS + WARM_UP) + 1)
        first = next(ids)
        executor.run(first)
        with closing(server.connect()) as connection:
            rows = _recorded(connection, first)
            flows = (
                lambda: executor.run(next(ids)),
                lambda: _write(connection, next(ids), rows),
            )
            interleaved(WARM_UP, *flows)
            ours, raw = interleaved(FLOWS, *flows)
    return [
        {
            "benchmark": "six recorded steps",
            "ours_ms": round(ours * 1e3, 2),
            "beside": "psycopg2, the same rows, a commit per step",
            "peer_ms": round(raw * 1e3, 2),
            "ratio": round(ours / raw, 2),
            "goal": 1.5,
        }
    ]


def _recorded(
    connection: "psycopg2.extensions.connection", execution_id: int
) -> list[dict[str, Any]]:
    """What the executor wrote for this execution, for raw to write again."""
    with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM workflow_lineage WHERE execution_id = %s"
            " ORDER BY sequence",
            (execution_id,),
        )
        return [dict(row) for row in cursor.fetchall()]


def _write(
    connection: "psycopg2.extensions.connection", execution_id: int, rows: list[dict[str, Any]]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_START, (execution_id,))
        connection.commit()
        for sequence, row in enumerate(rows):
            values = [Json(row[name]) if name in _JSON else row[name] for name in _COLUMNS]
            cursor.execute(_RECORD, (execution_id, sequence, *values))
            cursor.execute(_ADVANCE, (row["hash"], row["step"], execution_id))
            connection.commit()
        cursor.execute(_FINISH, (execution_id,))
        connection.commit()


_JSON = {"input", "output", "artifacts", "notes"}
