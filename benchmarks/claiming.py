"""Claiming 100 due strategies among 100,000: one whole dispatch, and its claim alone."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from statistics import median
from time import perf_counter
from typing import Any

import psycopg2
from sqlalchemy import event, text

from backend.core.clock import SystemClock
from backend.core.database import engine, statements, transaction
from backend.executions import dispatch
from benchmarks import stack

STRATEGIES = 100_000
DUE = 100
ROUNDS = 15

_RAW_CLAIM = """
SELECT id FROM strategies WHERE is_enabled AND archived_at IS NULL AND next_due_at <= now()
ORDER BY next_due_at LIMIT 100 FOR UPDATE SKIP LOCKED
"""
_RAW_EXECUTIONS = """
INSERT INTO executions (strategy_id, strategy_version_id, symbol, due_at, trigger, requested_by,
  prompt_versions, chain_head, status, created_at, sent_at, record_count, tokens, cost_usd)
SELECT strategies.id, version.id, version.definition->'symbols'->>0, next_due_at, 'cron',
  'schedule', '{}', 'none', 'queued', now(), now(), 0, 0, 0
FROM strategies JOIN strategy_versions AS version ON version.strategy_id = strategies.id
WHERE strategies.id = ANY(%s)
"""
_RAW_NEXT_DUE = "UPDATE strategies SET next_due_at = now() + interval '1 day' WHERE id = ANY(%s)"


def run() -> list[dict[str, Any]]:
    """
    Medians in milliseconds. The claim is timed at the driver and its plan is that of the very
    statement; raw makes the same rows in three statements, with due times that nobody computed.
    """
    with stack.quiet_logs(), stack.postgres() as server, stack.redis():
        strategy = stack.save(SystemClock(), stack.example(), is_enabled=True)
        stack.copy(strategy, STRATEGIES - 1)
        dispatches, raws, raw_claims = [], [], []
        with closing(server.connect()) as connection, _claims() as claims:
            for _ in range(ROUNDS):
                _make_due()
                dispatches.append(_dispatch())
                _make_due()
                claim, whole = _raw(connection)
                raw_claims.append(claim)
                raws.append(whole)
            plan = _plan(*claims[-1][1:])
    return [
        _row("claim", [claim[0] for claim in claims], raw_claims)
        | {"beside": "psycopg2, ids alone", "goal_ms": 10.0, "plan": plan},
        _row("dispatch with messages", dispatches, raws) | {"beside": "psycopg2, the same rows"},
    ]


def _make_due() -> None:
    """A hundred of them, spread over the table; what ran before is over."""
    with transaction() as session:
        session.execute(text("UPDATE executions SET status = 'finished'"))
        session.execute(
            text(
                "UPDATE strategies SET next_due_at = :due"
                " WHERE id IN (SELECT id FROM strategies ORDER BY hashint4(id + :now) LIMIT :count)"
            ),
            {
                "due": SystemClock().now() - timedelta(seconds=1),
                "now": int(perf_counter() * 1e3) % 1_000_000,
                "count": DUE,
            },
        )


def _dispatch() -> float:
    begun = perf_counter()
    made = dispatch.dispatch_due(SystemClock())
    taken = perf_counter() - begun
    if made != DUE:
        raise RuntimeError(f"{made} executions were made instead of {DUE}.")
    return taken


def _raw(connection: "psycopg2.extensions.connection") -> tuple[float, float]:
    begun = perf_counter()
    with connection, connection.cursor() as cursor:
        cursor.execute(_RAW_CLAIM)
        ids = [row[0] for row in cursor.fetchall()]
        claimed = perf_counter()
        cursor.execute(_RAW_EXECUTIONS, (ids,))
        cursor.execute(_RAW_NEXT_DUE, (ids,))
    return claimed - begun, perf_counter() - begun


@contextmanager
def _claims() -> Iterator[list[tuple[float, str, Any]]]:
    """Seconds, statement and parameters of every claim that finds something."""
    found: list[tuple[float, str, Any]] = []

    def before(connection: Any, *_: Any) -> None:
        connection.info["begun"] = perf_counter()

    def after(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "SKIP LOCKED" in statement and cursor.rowcount:
            taken = perf_counter() - connection.info["begun"]
            found.append((taken, statement, parameters))

    event.listen(engine(), "before_cursor_execute", before)
    event.listen(engine(), "after_cursor_execute", after)
    yield found


def _plan(statement: str, parameters: Any) -> str:
    """How PostgreSQL reaches the strategies: the plan's line that names them."""
    with statements() as connection:
        lines = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars()
        return next(str(line) for line in lines if " on strategies" in line).strip(" ->")


def _row(name: str, ours: list[float], raw: list[float]) -> dict[str, Any]:
    return {
        "benchmark": f"{name}, {DUE} of {STRATEGIES:,}",
        "ours_ms": round(median(ours) * 1e3, 1),
        "peer_ms": round(median(raw) * 1e3, 1),
        "ratio": round(median(ours) / median(raw), 2),
    }
