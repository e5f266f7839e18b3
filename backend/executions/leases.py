"""
Who may run an execution: a lease that a worker takes, renews, and loses when it falls silent.

Leases are timed by the database's clock alone, so that neither a worker's wrong clock nor a
simulated one can make two workers believe that they hold the same execution.
"""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from backend.core.database import transaction
from backend.core.logging import get_logger
from backend.core.settings import settings
from backend.executions.lineage import Chain
from backend.executions.models import Execution, Status

logger = get_logger(__name__)

LEASE_END = "clock_timestamp() + make_interval(secs => :seconds)"


def take(session: Session, execution_id: int) -> Execution | None:
    """Lock and lease an execution that is waiting, or whose worker fell silent; else None."""
    execution = session.scalar(
        select(Execution)
        .where(Execution.id == execution_id)
        .where(Execution.status.in_([Status.QUEUED, Status.RUNNING]))
        .where(text("(lease_until IS NULL OR lease_until < clock_timestamp())"))
        .with_for_update(skip_locked=True)
    )
    if execution is None:
        return None
    token = secrets.token_hex(8)
    session.execute(
        update(Execution)
        .where(Execution.id == execution_id)
        .values(
            lease_token=token,
            lease_until=text(LEASE_END).bindparams(seconds=settings().lease_seconds),
        )
    )
    session.refresh(execution)
    return execution


def renew(chain: Chain) -> bool:
    """Hold the lease for another period; False when it is no longer ours."""
    with transaction() as session:
        renewed = session.execute(
            text(
                f"UPDATE executions SET lease_until = {LEASE_END}"
                " WHERE id = :id AND lease_token = :token AND status = 'running'"
            ),
            {
                "seconds": settings().lease_seconds,
                "id": chain.execution_id,
                "token": chain.token,
            },
        )
    return bool(renewed.rowcount)  # type: ignore[attr-defined]


@contextmanager
def kept_alive(chain: Chain) -> Iterator[None]:
    """Renew the lease beside the work, as long as the block runs."""
    done = threading.Event()
    thread = threading.Thread(target=_renew_until, args=(chain, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()


def _renew_until(chain: Chain, done: threading.Event) -> None:
    while not done.wait(settings().lease_seconds / 3):
        try:
            if not renew(chain):
                return
        except DBAPIError as error:
            # The database is away. The lease may run out meanwhile; then the work is done again.
            logger.warning("lease_not_renewed", execution=chain.execution_id, error=str(error.orig))
