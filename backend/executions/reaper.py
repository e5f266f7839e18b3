"""
Finds executions that nobody works on, and sends them again: never picked up, worker lost, parked.

It only sends; whoever takes the lease checks again. Any number of reapers may run.
"""

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from backend.brokers.base import Broker, SessionStatus
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.errors import OutsideError
from backend.core.settings import settings
from backend.executions import dispatch
from backend.executions.facts import is_too_late
from backend.executions.models import Execution, Status
from backend.strategies.models import StrategyVersion

# The sub-select locks, so that two reapers do not send the same execution twice.
_ABANDONED = text("""
UPDATE executions SET sent_at = clock_timestamp()
WHERE id IN (
  SELECT id FROM executions
  WHERE status IN ('queued', 'running')
    AND (lease_until IS NULL OR lease_until < clock_timestamp())
    AND (sent_at IS NULL OR sent_at < clock_timestamp() - make_interval(secs => :seconds))
  ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED
)
RETURNING id
""")


# Every try leaves a record; the pauses between them grow with the records, up to ten minutes.
_RESTED = "sent_at < clock_timestamp() - make_interval(secs => LEAST(5 * record_count, 600))"


def send_abandoned() -> int:
    """Send again what waits without a lease, or whose lease ran out."""
    with transaction() as session:
        ids = list(session.scalars(_ABANDONED, {"seconds": settings().requeue_seconds}))
        dispatch.send_after_commit(session, ids)
    return len(ids)


def resume_parked(broker: Broker, clock: Clock) -> int:
    """
    Queue parked executions once the session stands, or once they are too late to run; replays,
    which ask no broker, after their rest.
    """
    with transaction() as session:
        parked = _parked(session)
    if not parked:
        return 0
    is_ready = _is_ready(broker)
    now = clock.now()
    ids = [
        execution.id
        for execution, document in parked
        if is_ready
        or execution.replay_of is not None
        or is_too_late(document, execution.trigger, execution.due_at, now)
    ]
    with transaction() as session:
        resumed = list(
            session.scalars(
                update(Execution)
                .where(Execution.id.in_(ids), Execution.status == Status.PARKED)
                .values(status=Status.QUEUED, sent_at=text("clock_timestamp()"))
                .returning(Execution.id)
            )
        )
        dispatch.send_after_commit(session, resumed)
    return len(resumed)


def _is_ready(broker: Broker) -> bool:
    try:
        return broker.session().status is SessionStatus.READY
    except OutsideError:
        # Not to be asked just now: the executions wait for the next look.
        return False


def _parked(session: Session) -> list[tuple[Execution, dict[str, object]]]:
    return [
        (execution, document)
        for execution, document in session.execute(
            select(Execution, StrategyVersion.definition)
            .join(StrategyVersion, StrategyVersion.id == Execution.strategy_version_id)
            .where(Execution.status == Status.PARKED, text(_RESTED))
            .order_by(Execution.id)
        )
    ]
