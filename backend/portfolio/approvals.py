"""
Questions to people whether an order may go out: asked once, answered once, and never too late.

The clock decides at every look: whatever the row says, a question that waits past its time is over.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from backend.core import events
from backend.core.clock import Clock
from backend.core.database import after_commit, transaction
from backend.core.errors import AppError, Conflict, InvalidInput, NotFound
from backend.core.logging import get_logger
from backend.notifications.events import Event
from backend.notifications.service import tell
from backend.portfolio.orders.models import Approval
from backend.web import audit
from backend.workflow.asking import ApprovalDecision, ApprovalRequest, ApprovalState

logger = get_logger(__name__)

SUBJECT = "approvals"
"""What live pages watch."""
LONGEST_COMMENT = 500

PAGE = 30

_DOCUMENT_VERSION = 1


class DatabaseApprovals:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def ask(self, request: ApprovalRequest) -> ApprovalDecision:
        with transaction() as session:
            row = _of_execution(session, request.execution_id)
            if row is None:
                _insert(session, self._clock, request)
                row = _of_execution(session, request.execution_id)
            assert row is not None
            _expire_if_due(session, self._clock, row)
            return _decision(row)

    def standing(self, execution_id: int) -> ApprovalDecision | None:
        with transaction() as session:
            row = _of_execution(session, execution_id)
            if row is None:
                return None
            _expire_if_due(session, self._clock, row)
            return _decision(row)

    def count_for_pages(self) -> int:
        """How many wait; 0 for a page that is shown while the database is away."""
        try:
            with transaction() as session:
                return count_waiting(session, self._clock.now())
        except (AppError, SQLAlchemyError) as error:
            logger.warning("approvals_unknown", why=str(error))
            return 0


def _of_execution(session: Session, execution_id: int) -> Approval | None:
    query = select(Approval).where(Approval.execution_id == execution_id)
    return session.scalar(query.with_for_update())


def _insert(session: Session, clock: Clock, request: ApprovalRequest) -> None:
    plan, now = request.order_plan, clock.now()
    # Two workers may come here at once, when one was thought lost.
    approval_id = session.scalar(
        insert(Approval)
        .values(
            execution_id=request.execution_id,
            strategy_id=request.strategy_id,
            strategy_name=request.strategy_name,
            account=request.account,
            symbol=plan.symbol,
            side=plan.side.value,
            quantity=plan.quantity,
            state=ApprovalState.WAITING,
            asked_at=now,
            expires_at=_expiry(request, now),
            comment="",
            document={"version": _DOCUMENT_VERSION, **request.model_dump(mode="json")},
        )
        .on_conflict_do_nothing()
        .returning(Approval.id)
    )
    if approval_id is not None:
        _tell_people(session, clock, get(session, approval_id))
        _tell_pages(session)


def _tell_people(session: Session, clock: Clock, row: Approval) -> None:
    plan, order = asked(row).order_plan, order_of(row)
    entry = "at the market" if plan.order_type == "MKT" else f"at {plan.entry.normalize():f}"
    tell(
        session,
        clock,
        event=Event.APPROVAL,
        key=f"approval {row.id}",
        title=f"{order}: yes or no?",
        text=f"{row.strategy_name} wants to {order} {entry}, stop {plan.stop.normalize():f}, in"
        f" account {row.account}. Answer until {row.expires_at:%H:%M} UTC; no answer is a no.",
        path=f"/approvals/{row.id}",
    )


def _expiry(request: ApprovalRequest, now: datetime) -> datetime:
    patience = now + timedelta(minutes=request.patience_minutes)
    return min(patience, request.signal_expires_at or patience)


def _expire_if_due(session: Session, clock: Clock, row: Approval) -> None:
    now = clock.now()
    if row.state is not ApprovalState.WAITING or not is_over(row, now):
        return
    row.state, row.decided_at, row.decided_by = ApprovalState.EXPIRED, now, "time"
    order = order_of(row)
    tell(
        session,
        clock,
        event=Event.APPROVAL,
        key=f"approval {row.id} expired",
        title=f"{order}: nobody answered in time",
        text=f"Nothing was sent for {row.strategy_name} in account {row.account}.",
        path=f"/approvals/{row.id}",
    )
    _tell_pages(session)


def _decision(row: Approval) -> ApprovalDecision:
    return ApprovalDecision(
        approval_id=row.id,
        state=row.state,
        expires_at=row.expires_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        comment=row.comment,
    )


def order_of(row: Approval) -> str:
    """BUY 40 AAPL"""
    return f"{row.side} {row.quantity.normalize():f} {row.symbol}"


def is_over(row: Approval, now: datetime) -> bool:
    """Whether an answer comes too late, or a second time."""
    return row.state is not ApprovalState.WAITING or now >= row.expires_at


def state_at(row: Approval, now: datetime) -> ApprovalState:
    """How it stands now, also where nobody has written down yet that its time is over."""
    if row.state is ApprovalState.WAITING and is_over(row, now):
        return ApprovalState.EXPIRED
    return row.state


def asked(row: Approval) -> ApprovalRequest:
    """What the person was shown."""
    return ApprovalRequest.model_validate(row.document)


def decide(
    session: Session,
    clock: Clock,
    approval_id: int,
    *,
    answer: ApprovalState,
    actor: str,
    comment: str = "",
    seen: dict[str, Any] | None = None,
) -> Approval:
    """
    Write down a person's yes or no; `seen` is what they were shown at that moment, for the audit.

    Acts once: raises `Conflict`, saying how it stands and who decided, for a second answer and for
    one that comes too late. Raises `NotFound` and `InvalidInput`.
    """
    comment = comment.strip()
    if len(comment) > LONGEST_COMMENT:
        raise InvalidInput(
            f"Give a reason of at most {LONGEST_COMMENT} characters.", field="comment"
        )
    now = clock.now()
    row = session.scalar(select(Approval).where(Approval.id == approval_id).with_for_update())
    if row is None:
        raise NotFound(f"There is no approval {approval_id}.")
    if is_over(row, now):
        raise _over(row, now)
    row.state, row.decided_at, row.decided_by, row.comment = answer, now, actor, comment
    audit.record(
        session,
        clock,
        actor=actor,
        action=f"approval.{answer.value}",
        subject=f"approval {row.id}",
        after={
            "execution": row.execution_id,
            "order": order_of(row),
            "account": row.account,
            "comment": comment,
            **(seen or {}),
        },
    )
    _tell_pages(session)
    return row


def _over(row: Approval, now: datetime) -> Conflict:
    order = order_of(row)
    if state_at(row, now) is ApprovalState.EXPIRED:
        return Conflict(
            f"The time for {order} was over at {row.expires_at:%H:%M:%S} UTC, and no answer is a"
            " no. Nothing was sent.",
            code="approval_expired",
        )
    return Conflict(
        f"{order} was {row.state.value} by {row.decided_by} at {row.decided_at:%H:%M:%S} UTC"
        " already.",
        code="approval_decided",
    )


def get(session: Session, approval_id: int) -> Approval:
    row = session.get(Approval, approval_id)
    if row is None:
        raise NotFound(f"There is no approval {approval_id}.")
    return row


def decided(
    session: Session, now: datetime, *, before: int | None = None, limit: int = PAGE
) -> Sequence[Approval]:
    """Those that are over, the newest first; `before` is the id that the page before ended with."""
    is_past = or_(Approval.state != ApprovalState.WAITING, Approval.expires_at <= now)
    query = select(Approval).where(is_past).order_by(Approval.id.desc()).limit(limit)
    return session.scalars(query if before is None else query.where(Approval.id < before)).all()


def waiting(session: Session, now: datetime) -> Sequence[Approval]:
    """Those that can still be answered, the most urgent first."""
    return session.scalars(
        select(Approval)
        .where(Approval.state == ApprovalState.WAITING, Approval.expires_at > now)
        .order_by(Approval.expires_at, Approval.id)
    ).all()


def count_waiting(session: Session, now: datetime) -> int:
    return (
        session.scalar(
            select(func.count()).where(
                Approval.state == ApprovalState.WAITING, Approval.expires_at > now
            )
        )
        or 0
    )


def mark(session: Session, now: datetime) -> str:
    """A short text that is another one as soon as a question was asked, answered or is over."""
    newest, last = session.execute(
        select(func.max(Approval.id), func.max(Approval.decided_at))
    ).one()
    return f"{newest or 0}.{last.timestamp() if last else 0}.{count_waiting(session, now)}"


def _tell_pages(session: Session) -> None:
    after_commit(session, lambda: events.publish(SUBJECT))
