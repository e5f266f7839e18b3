"""
Who may run an execution: a lease that a worker takes, renews, and loses when it falls silent.

Leases are timed by the database's clock alone, so that neither a worker's wrong clock nor a
simulated one can make two workers believe that they hold the same execution.
"""

import secrets
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

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
  prompt_versions, replay_of, changes, record_count, chain_head, before.status AS status_before,
  before.current_step AS lost_step, before.current_attempt AS lost_attempt,
  before.current_step_started_at AS lost_step_started_at
""",
)
_RENEW = text("""
UPDATE executions SET lease_until = clock_timestamp() + make_interval(secs => :seconds)
WHERE id = ANY(:ids) AND lease_token = ANY(:tokens) AND status = 'running'
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
    replay_of: int | None
    changes: dict[str, Any] | None
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
    *("replay_of", "changes", "lost_step_started_at"),
)


def renew(chains: Collection[Chain]) -> int:
    """Hold these leases for another period; returns how many are still ours."""
    parameters = {
        "seconds": settings().lease_seconds,
        "ids": [chain.execution_id for chain in chains],
        "tokens": [chain.token for chain in chains],
    }
    with statements() as connection:
        return connection.execute(_RENEW, parameters).rowcount


class Keeper:
    """Renews all leases of a process together, from one thread beside the work."""

    def __init__(self) -> None:
        self._held: dict[str, Chain] = {}
        self._changing = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, chain: Chain) -> Iterator[None]:
        """Renew this lease as long as the block runs."""
        with self._changing:
            self._held[chain.token] = chain
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew_for_good, daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._changing:
                del self._held[chain.token]

    def _renew_for_good(self) -> None:
        while True:
            time.sleep(settings().lease_seconds / 3)
            with self._changing:
                held = list(self._held.values())
            try:
                if held:
                    renew(held)
            except (DatabaseAway, SQLAlchemyError) as error:
                # Leases may run out meanwhile; then the steps under way are done again.
                logger.warning("leases_not_renewed", count=len(held), why=str(error))
