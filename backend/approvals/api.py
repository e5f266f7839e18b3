"""REST for orders that wait for a person."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from backend.approvals import service
from backend.approvals.service import Answer
from backend.core.database import SessionDep
from backend.portfolio import approvals
from backend.portfolio.orders.models import Approval
from backend.web.security import Operator, Reader, Trader
from backend.web.state import ActorDep, ClockDep
from backend.workflow.asking import ApprovalState

router = APIRouter(prefix="/api/approvals")

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


class ApprovalOut(BaseModel):
    id: int
    state: ApprovalState = Field(description="As of now: one whose time is over is expired.")
    execution_id: int
    strategy_id: int
    strategy_name: str
    account: str
    is_paper: bool
    is_simulated: bool
    symbol: str
    side: Literal["BUY", "SELL"]
    quantity: Decimal
    asked_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    comment: str


class ApprovalDetails(ApprovalOut):
    order_plan: dict[str, Any]
    quote: dict[str, Any] | None = Field(description="When the question was asked.")
    preview: dict[str, Any] | None = Field(description="The broker's what-if.")
    risk_report: dict[str, Any] | None


class Rejection(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comment: str = Field("", max_length=approvals.LONGEST_COMMENT)


class Yes(Rejection):
    real_money: bool = Field(False, description="Needed for an order of a live account.")


@router.get("")
def list_approvals(
    session: SessionDep,
    clock: ClockDep,
    _key: Reader,
    state: Annotated[
        Literal["waiting", "decided"], Query(description="Waiting: the most urgent first.")
    ] = "waiting",
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[ApprovalOut]:
    """Orders that wait for a person, or those that were answered or ran out, newest first."""
    now = clock.now()
    if state == "waiting":
        rows = approvals.waiting(session, now)[:limit]
    else:
        rows = approvals.decided(session, now, before=before, limit=limit)
    return [ApprovalOut(**_told(row, now)) for row in rows]


@router.get("/{approval_id}")
def get_approval(
    session: SessionDep, clock: ClockDep, _key: Reader, approval_id: Id
) -> ApprovalDetails:
    """One of them, with all that was shown when it was asked."""
    return _details(approvals.get(session, approval_id), clock.now())


@router.post("/{approval_id}/approve")
def approve(
    session: SessionDep,
    clock: ClockDep,
    _key: Trader,
    actor: ActorDep,
    approval_id: Id,
    answer: Yes | None = None,
) -> ApprovalDetails:
    """
    Let the order go out, after halts, limits and quote were checked once more. Acts once: 409 for
    a second answer, and for one that comes too late.
    """
    said = answer or Yes(real_money=False)
    answered = Answer(actor=actor, comment=said.comment)
    row = service.approve(session, clock, approval_id, answered, is_real_money=said.real_money)
    return _details(row, clock.now())


@router.post("/{approval_id}/reject")
def reject(
    session: SessionDep,
    clock: ClockDep,
    _key: Operator,
    actor: ActorDep,
    approval_id: Id,
    answer: Rejection | None = None,
) -> ApprovalDetails:
    """Refuse the order; its execution ends as rejected. Acts once, as `approve` does."""
    answered = Answer(actor=actor, comment=answer.comment if answer else "")
    row = service.reject(session, clock, approval_id, answered)
    return _details(row, clock.now())


def _told(row: Approval, now: datetime) -> dict[str, Any]:
    request = approvals.asked(row)
    told = {name: getattr(row, name) for name in ApprovalOut.model_fields if hasattr(row, name)}
    kind = {"is_paper": request.is_paper, "is_simulated": request.is_simulated}
    return {**told, **kind, "state": approvals.state_at(row, now)}


def _details(row: Approval, now: datetime) -> ApprovalDetails:
    request = approvals.asked(row).model_dump(mode="json")
    shown = {name: request[name] for name in ("order_plan", "quote", "preview", "risk_report")}
    return ApprovalDetails(**_told(row, now), **shown)
