"""Asking a person before an order goes out: what is asked, and what comes back."""

from datetime import datetime
from enum import StrEnum
from typing import NoReturn, Protocol

from pydantic import BaseModel, ConfigDict

from backend.brokers.base import Quote
from backend.brokers.orders import Preview
from backend.trading.limits import RiskReport
from backend.trading.plan import OrderPlan
from backend.workflow.outcome import Ends, Outcome, Waits

AWAITING_APPROVAL = "awaiting_approval"


class ApprovalState(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  #: its execution was stopped


class ApprovalRequest(BaseModel):
    """All that a person needs to decide, as it was when they were asked."""

    model_config = ConfigDict(frozen=True)

    execution_id: int
    strategy_id: int
    strategy_name: str
    account: str
    is_paper: bool
    is_simulated: bool
    currency: str
    order_plan: OrderPlan
    quote: Quote | None
    preview: Preview | None
    """What the broker says that the order would come to; None where it was not asked."""
    risk_report: RiskReport | None
    signal_expires_at: datetime | None
    patience_minutes: int
    """How long a person has, if the signal lasts as long."""


class ApprovalDecision(BaseModel):
    model_config = ConfigDict(frozen=True)

    approval_id: int
    state: ApprovalState
    expires_at: datetime
    decided_at: datetime | None = None
    decided_by: str | None = None
    comment: str = ""


class Approvals(Protocol):
    def ask(self, request: ApprovalRequest) -> ApprovalDecision:
        """
        Ask a person, once for each execution; every later call tells how that question stands.

        One that nobody answered in time is `EXPIRED`, and stays so.
        """
        ...

    def standing(self, execution_id: int) -> ApprovalDecision | None:
        """How the question of an execution stands; None before it asked one."""
        ...


def heed_no(approvals: Approvals, execution_id: int, plan: OrderPlan) -> None:
    """Raises `Ends` where a person has said no, or nothing in time, whatever else is the matter."""
    decision = approvals.standing(execution_id)
    silent = (ApprovalState.APPROVED, ApprovalState.WAITING)
    if decision is not None and decision.state not in silent:
        _go_no_further(decision, plan)


def approval(approvals: Approvals, request: ApprovalRequest) -> ApprovalDecision:
    """
    A person's yes. Raises `Waits` as long as there is no answer, and `Ends` for a no or none in
    time.
    """
    decision = approvals.ask(request)
    if decision.state is not ApprovalState.APPROVED:
        _go_no_further(decision, request.order_plan)
    return decision


def _go_no_further(decision: ApprovalDecision, plan: OrderPlan) -> NoReturn:
    order = f"{plan.side} {plan.quantity.normalize():f} {plan.symbol}"
    until = f"{decision.expires_at:%H:%M:%S} UTC"
    if decision.state is ApprovalState.WAITING:
        raise Waits(
            AWAITING_APPROVAL,
            f"A person is asked whether to {order}, until {until}.",
            until=decision.expires_at,
        )
    if decision.state is ApprovalState.EXPIRED:
        sentence = f"Nobody approved {order} until {until}, and no answer is a no."
        raise Ends(Outcome.EXPIRED, "approval_expired", sentence)
    if decision.state is ApprovalState.WITHDRAWN:
        raise Ends(Outcome.REJECTED, "withdrawn", f"{order} was withdrawn before an answer.")
    why = f" {decision.comment}" if decision.comment else ""
    raise Ends(Outcome.REJECTED, "rejected", f"{decision.decided_by} rejected {order}.{why}")
