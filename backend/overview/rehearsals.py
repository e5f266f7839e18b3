"""What was tried before real money moves, as the records tell it."""

from dataclasses import dataclass

from sqlalchemy import ColumnExpressionArgument, func, select
from sqlalchemy.orm import Session

from backend.notifications.events import Event
from backend.notifications.models import Delivery, Notification, State
from backend.portfolio.models import HaltRow
from backend.portfolio.orders.models import Approval, RoundTrip
from backend.trading.oversight import Meaning
from backend.workflow.asking import ApprovalState


@dataclass(frozen=True, kw_only=True)
class Rehearsals:
    simulated_trips: int
    """Trades from the first fill to the last, in invented prices."""
    paper_trips: int
    """The same in the real market, with a paper account."""
    yes: int
    no: int
    unanswered: int
    released: tuple[Meaning, ...]
    """What the switches meant that were pulled and released again."""
    tests_sent: int
    """Test messages that a channel took."""


def read(session: Session) -> Rehearsals:
    closed = (RoundTrip.closed_at.is_not(None), RoundTrip.entered > 0)
    released = select(HaltRow.meaning).where(HaltRow.released_at.is_not(None)).distinct()
    return Rehearsals(
        simulated_trips=_count(session, *closed, RoundTrip.is_simulated),
        paper_trips=_count(session, *closed, ~RoundTrip.is_simulated, RoundTrip.is_paper),
        yes=_count(session, Approval.state == ApprovalState.APPROVED),
        no=_count(session, Approval.state == ApprovalState.REJECTED),
        unanswered=_count(session, Approval.state == ApprovalState.EXPIRED),
        released=tuple(session.scalars(released)),
        tests_sent=_count(
            session,
            Delivery.notification_id == Notification.id,
            Notification.event == Event.TEST,
            Delivery.state == State.SENT,
        ),
    )


def _count(session: Session, *wanted: ColumnExpressionArgument[bool]) -> int:
    return session.scalar(select(func.count()).where(*wanted)) or 0
