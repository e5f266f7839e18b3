"""
Executions that wait for somebody's answer, and how they are run again.

An answer may come before the step that asked has its record: then the moment is left on the row,
and `send_due` finds it there. What the queue loses is sent again by the reaper.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.core.database import transaction
from backend.executions import dispatch

_WAKE = text("""
UPDATE executions SET wake_at = :now,
  status = CASE WHEN status = 'waiting' THEN 'queued' ELSE status END,
  sent_at = CASE WHEN status = 'waiting' THEN clock_timestamp() ELSE sent_at END
WHERE id = :id AND status IN ('waiting', 'running')
RETURNING status
""")
_DUE = text("""
UPDATE executions SET status = 'queued', sent_at = clock_timestamp()
WHERE id IN (
  SELECT id FROM executions WHERE status = 'waiting' AND wake_at <= :now
  ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED
)
RETURNING id
""")


def wake(session: Session, clock: Clock, execution_id: int) -> None:
    """Run the step that waits again, after the commit; nothing where none does."""
    status = session.scalar(_WAKE, {"id": execution_id, "now": clock.now()})
    if status == "queued":
        dispatch.send_after_commit(session, [execution_id])


def send_due(clock: Clock) -> int:
    """Run those again that were woken too early to notice, or that have waited long enough."""
    with transaction() as session:
        ids = list(session.scalars(_DUE, {"now": clock.now()}))
        dispatch.send_after_commit(session, ids)
    return len(ids)
