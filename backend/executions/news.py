"""
Tells of executions that failed, and of signals that a limit refused.

Looked for among what has ended, a little later, rather than told by the worker that ended it: the
last record is one statement of its own, and a worker may die behind it.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.core.clock import Clock, real_seconds
from backend.core.database import transaction
from backend.executions.models import Execution
from backend.notifications.events import Event
from backend.notifications.models import Notification
from backend.notifications.service import tell
from backend.strategies.models import Strategy
from backend.workflow.outcome import Outcome

LOOK_BACK = timedelta(hours=1)
"""Of real time: what ended while nobody looked is told as long as it is news."""
MOST = 300

EXPECTED = {
    "already_in",  # the signal goes on while the position is held
    "unexplained_drift",  # told when it was found
}
"""Why an order was blocked, where that is no news."""


def tell_of_ends(clock: Clock) -> int:
    """How many were told now; of the same strategy, symbol and reason one an hour."""
    with transaction() as session:
        told = 0
        for execution, strategy in _ended(session, clock):
            told += _tell(session, clock, execution, strategy)
        return told


def _ended(session: Session, clock: Clock) -> Sequence[tuple[Execution, str]]:
    """The newest of both kinds that ended lately and were not told, oldest first."""
    since = clock.now() - LOOK_BACK / real_seconds(clock, 1)
    found = [
        (execution, name)
        for outcome in (Outcome.FAILED, Outcome.BLOCKED)
        for execution, name in session.execute(
            select(Execution, Strategy.name)
            .join(Strategy, Strategy.id == Execution.strategy_id)
            .where(Execution.outcome == outcome, Execution.replay_of.is_(None))
            .order_by(Execution.id.desc())
            .limit(MOST)
        )
        if execution.finished_at and execution.finished_at >= since and _is_news(execution)
    ]
    keys = {_key(execution) for execution, _ in found}
    told = set(session.scalars(select(Notification.key).where(Notification.key.in_(keys))))
    fresh = [(execution, name) for execution, name in found if _key(execution) not in told]
    return sorted(fresh, key=lambda each: each[0].id)


def _is_news(execution: Execution) -> bool:
    if execution.outcome is Outcome.FAILED:
        return True
    # Blocked before there was a signal: data were not good enough, and no order was on its way.
    has_signal = execution.signal_action in ("BUY", "SELL")
    return has_signal and execution.reason_code not in EXPECTED


def _key(execution: Execution) -> str:
    hour = execution.finished_at.strftime("%Y-%m-%d %H") if execution.finished_at else ""
    why = f"{execution.outcome} {execution.reason_code} in the hour {hour}"
    return f"strategy {execution.strategy_id} {execution.symbol} {why}"


def _tell(session: Session, clock: Clock, execution: Execution, strategy: str) -> bool:
    is_failure = execution.outcome is Outcome.FAILED
    title = (
        f"An execution for {execution.symbol} failed"
        if is_failure
        else f"{execution.signal_action} {execution.symbol} was refused"
    )
    return tell(
        session,
        clock,
        event=Event.FAILURE if is_failure else Event.REFUSAL,
        key=_key(execution),
        title=title,
        text=f"{strategy}: {execution.reason or execution.reason_code or 'no reason is on record'}",
        path=f"/executions/{execution.id}",
    )
