"""
Who may run an execution: a lease that a worker takes, renews, and loses when it falls silent.

Leases are timed by the database's clock alone, so that neither a worker's wrong clock nor a
simulated one can make two workers believe that they hold the same execution.
"""

import _thread
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from backend.core.database import DatabaseAway, Prepared, statements
from backend.core.logging import get_logger
from backend.core.settings import settings
from backend.executions.lineage import Chain
from backend.executions.models import Status

logger = get_logger(__name__)

_TAKE = Prepared(
    "take_lease",
    """
WITH before AS (
  SELECT id, status, current_step, current_attempt, current_step_started_at FROM executions
  WHERE id = :id AND status IN ('queued', 'running')
    AND (lease_until IS NULL OR lease_until < clock_timestamp())
  FOR UPDATE SKIP LOCKED
)
UPDATE executions SET
  status = 'running', lease_token = :token,
  lease_until = clock_timestamp() + make_interval(secs => :seconds),
  started_at = COALESCE(started_at, :now),
  current_step = COALESCE(executions.current_step, :first_step),
  current_attempt = COALESCE(executions.current_attempt, 1),
  current_step_started_at = :now
FROM before WHERE executions.id = before.id
RETURNING executions.id, strategy_id, strategy_version_id, symbol, due_at, trigger,
  prompt_versions, record_count, chain_head, before.status AS status_before,
  before.current_step AS lost_step, before.current_attempt AS lost_attempt,
  before.current_step_started_at AS lost_step_started_at
""",
)
_RENEW = text("""
UPDATE executions SET lease_until = clock_timestamp() + make_interval(secs => :seconds)
WHERE id = :id AND lease_token = :token AND status = 'running'
""")


@dataclass(frozen=True, kw_only=True)
class Lease:
    """An execution that is ours now, and in which step the worker before us fell silent."""

    chain: Chain
    strategy_id: int
    strategy_version_id: int
    symbol: str
    due_at: datetime
    trigger: str
    prompt_versions: dict[str, Any]
    lost_step: str | None
    lost_attempt: int
    lost_step_started_at: datetime | None


def take(execution_id: int, *, first_step: str, now: datetime) -> Lease | None:
    """Lease an execution that is waiting, or whose worker fell silent; else None."""
    token = secrets.token_hex(8)
    parameters = {
        "id": execution_id,
        "token": token,
        "seconds": settings().lease_seconds,
        "first_step": first_step,
        "now": now,
    }
    with statements() as connection:
        row = _TAKE.on(connection, parameters).mappings().one_or_none()
    if row is None:
        return None
    is_lost = row["status_before"] == Status.RUNNING and row["lost_step"] is not None
    return Lease(
        chain=Chain(row["id"], token, row["record_count"], row["chain_head"]),
        lost_step=row["lost_step"] if is_lost else None,
        lost_attempt=row["lost_attempt"] or 1,
        **{name: row[name] for name in _AS_THEY_ARE},
    )


_AS_THEY_ARE = (
    *("strategy_id", "strategy_version_id", "symbol", "due_at", "trigger", "prompt_versions"),
    "lost_step_started_at",
)


def renew(chain: Chain) -> bool:
    """Hold the lease for another period; False when it is no longer ours."""
    parameters = {
        "seconds": settings().lease_seconds,
        "id": chain.execution_id,
        "token": chain.token,
    }
    with statements() as connection:
        return bool(connection.execute(_RENEW, parameters).rowcount)


@contextmanager
def kept_alive(chain: Chain) -> Iterator[None]:
    """Renew the lease beside the work, as long as the block runs."""
    done = threading.Event()
    # Not Thread.start, which waits until the thread runs: longer than it takes to record a step.
    _thread.start_new_thread(_renew_until, (chain, done))
    try:
        yield
    finally:
        done.set()


def _renew_until(chain: Chain, done: threading.Event) -> None:
    while not done.wait(settings().lease_seconds / 3):
        try:
            if not renew(chain):
                return
        except DatabaseAway as error:
            # The database is away. The lease may run out meanwhile; then the work is done again.
            logger.warning("lease_not_renewed", execution=chain.execution_id, why=error.message)
