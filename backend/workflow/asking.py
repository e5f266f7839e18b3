"""Asking a person before an order goes out: what is asked, and what comes back."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NoReturn, Protocol

from pydantic import BaseModel, ConfigDict

from backend.brokers.base import Quote
from backend.brokers.orders import Preview
from backend.trading.limits import RiskReport
from backend.trading.plan import OrderPlan
from backend.workflow.outcome import Ends, Outcome, Waits

AWAITING_APPROVAL = "awaiting_approval"
YES_HOLDS_FOR = timedelta(minutes=2)
"""A yes is good until its question's time is over; one that came at the end, for so long."""


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


def approval(approvals: Approvals, request: ApprovalRequest, now: datetime) -> ApprovalDecision:
    """
    A person's yes. Raises `Waits` as long as there is no answer, and `Ends` for a no, for none in
    time, and for a yes that has grown old because the broker was away.
    """
    decision = approvals.ask(request)
    if decision.state is not ApprovalState.APPROVED:
        _go_no_further(decision, request.order_plan)
    good_until = max(decision.expires_at, (decision.decided_at or now) + YES_HOLDS_FOR)
    if now > good_until:
        order = _order(request.order_plan)
        raise Ends(
            Outcome.EXPIRED,
            "approval_stale",
            f"{decision.decided_by} approved {order}, and it could not be sent until"
            f" {good_until:%H:%M:%S} UTC. The market is another one now; run the strategy again.",
        )
    return decision


def _go_no_further(decision: ApprovalDecision, plan: OrderPlan) -> NoReturn:
    order = _order(plan)
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


def _order(plan: OrderPlan) -> str:
    return f"{plan.side} {plan.quantity.normalize():f} {plan.symbol}"
