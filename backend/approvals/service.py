"""A person's answer, and the execution that goes on with it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from backend.approvals.drift import Drift
from backend.core.clock import Clock
from backend.core.errors import Conflict, InvalidInput
from backend.executions import waiting
from backend.executions.models import Execution, Status
from backend.portfolio import approvals
from backend.portfolio.orders.models import Approval
from backend.workflow.asking import ApprovalState


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Who says it, and why."""

    actor: str
    comment: str = ""


def approve(
    session: Session,
    clock: Clock,
    approval_id: int,
    said: Answer,
    *,
    is_real_money: bool,
    drift: Drift | None = None,
) -> Approval:
    """
    Yes: the execution goes on, and checks halts, limits and quote once more before it sends.

    An order of a live account wants `is_real_money`: raises `InvalidInput` without. Raises
    `Conflict` for a second answer and for one that comes too late. `drift` is what the person saw.
    """
    if not is_real_money and not approvals.asked(approvals.get(session, approval_id)).is_paper:
        raise InvalidInput(
            "This order moves real money. Say so with `real_money` to approve it.",
            code="real_money",
            field="real_money",
        )
    return _answer(session, clock, approval_id, ApprovalState.APPROVED, said, drift)


def reject(session: Session, clock: Clock, approval_id: int, said: Answer) -> Approval:
    """No: the execution ends as rejected. Raises `Conflict` as `approve` does."""
    return _answer(session, clock, approval_id, ApprovalState.REJECTED, said, None)


def _answer(
    session: Session,
    clock: Clock,
    approval_id: int,
    answer: ApprovalState,
    said: Answer,
    drift: Drift | None,
) -> Approval:
    _require_waiting(session, approvals.get(session, approval_id))
    row = approvals.decide(
        session,
        clock,
        approval_id,
        answer=answer,
        actor=said.actor,
        comment=said.comment,
        seen=drift.for_audit() if drift else None,
    )
    waiting.wake(session, clock, row.execution_id)
    return row


def _require_waiting(session: Session, row: Approval) -> None:
    """A question may outlive its execution, which a kill switch has ended after a fault."""
    execution = session.get(Execution, row.execution_id)
    if row.state is ApprovalState.WAITING and execution and execution.status is Status.FINISHED:
        raise Conflict(
            f"Its execution has ended meanwhile, and nothing is sent: {execution.reason}",
            code="approval_withdrawn",
        )
