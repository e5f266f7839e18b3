"""What a page says of one question, in words and positions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.core.clock import SimulatedClock
from backend.core.errors import NotFound
from backend.core.settings import settings
from backend.executions import sheet
from backend.executions.models import Execution, Status
from backend.executions.sheet import Sheet
from backend.portfolio import approvals
from backend.portfolio.orders.models import Approval
from backend.trading.plan import OrderPlan
from backend.workflow.asking import ApprovalRequest, ApprovalState


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A price on the ladder; `at` runs from 0, the lowest price shown, to 1."""

    kind: Literal["stop", "entry", "target"]
    label: str
    price: Decimal
    at: float


@dataclass(frozen=True, kw_only=True)
class Question:
    row: Approval
    now: datetime
    execution: Execution | None = None

    @cached_property
    def asked(self) -> ApprovalRequest:
        return approvals.asked(self.row)

    @property
    def plan(self) -> OrderPlan:
        return self.asked.order_plan

    @property
    def order(self) -> str:
        return approvals.order_of(self.row)

    @property
    def state(self) -> ApprovalState:
        """One whose execution has ended all the same can no longer be answered."""
        state = approvals.state_at(self.row, self.now)
        has_ended = self.execution is not None and self.execution.status is Status.FINISHED
        return ApprovalState.WITHDRAWN if has_ended and state is ApprovalState.WAITING else state

    @property
    def is_open(self) -> bool:
        return self.state is ApprovalState.WAITING

    @property
    def seconds_left(self) -> float:
        return max(0.0, (self.row.expires_at - self.now).total_seconds())

    @property
    def seconds_given(self) -> float:
        return (self.row.expires_at - self.row.asked_at).total_seconds()

    @property
    def account_kind(self) -> str:
        """As every page names it."""
        if self.asked.is_simulated:
            return "simulated"
        return "paper" if self.asked.is_paper else "live"

    @property
    def worth(self) -> Decimal:
        return self.plan.quantity * self.plan.entry

    @property
    def at_risk(self) -> Decimal:
        return self.plan.quantity * abs(self.plan.entry - self.plan.stop)

    @property
    def reward_to_risk(self) -> Decimal | None:
        """Of the whole order: what all targets would win, by what the stop would lose."""
        if not self.plan.targets or not self.at_risk:
            return None
        won = sum(abs(each.price - self.plan.entry) * each.quantity for each in self.plan.targets)
        return won / self.at_risk

    @cached_property
    def rungs(self) -> list[Rung]:
        plan = self.plan
        prices: list[tuple[Literal["stop", "entry", "target"], str, Decimal]] = [
            ("stop", "Stop", plan.stop),
            ("entry", "Entry", plan.entry),
        ]
        many = len(plan.targets) > 1
        for number, target in enumerate(plan.targets, start=1):
            prices.append(("target", f"Target {number}" if many else "Target", target.price))
        low = min(price for _, _, price in prices)
        reach = max(price for _, _, price in prices) - low or Decimal(1)
        return [
            Rung(kind=kind, label=label, price=price, at=float((price - low) / reach))
            for kind, label, price in sorted(prices, key=lambda item: item[2])
        ]


def clock_speed() -> float:
    """How many seconds of the question pass in one of its reader's."""
    simulated = settings().simulated_time
    return simulated.speed if isinstance(simulated, SimulatedClock) else 1.0


def waiting(session: Session, now: datetime) -> list[Question]:
    """The most urgent first."""
    asked = with_executions(session, approvals.waiting(session, now), now)
    return [question for question in asked if question.is_open]


def decided(session: Session, now: datetime, before: int | None) -> list[Question]:
    """With what became of each, the newest first."""
    return with_executions(session, approvals.decided(session, now, before=before), now)


def with_executions(session: Session, rows: Sequence[Approval], now: datetime) -> list[Question]:
    wanted = select(Execution).where(Execution.id.in_([row.execution_id for row in rows]))
    found = {each.id: each for each in session.scalars(wanted)} if rows else {}
    return [Question(row=row, now=now, execution=found.get(row.execution_id)) for row in rows]


def of(session: Session, approval_id: int, now: datetime) -> Question:
    """Raises `NotFound`."""
    return with_executions(session, [approvals.get(session, approval_id)], now)[0]


def reasons(session: Session, question: Question) -> Sheet | None:
    """What the execution looked at and found; None where its record is gone."""
    try:
        return sheet.read(session, question.row.execution_id, question.now)
    except NotFound:
        return None


def risk_verdicts(question: Question) -> list[dict[str, Any]]:
    """As they stand in the record, which templates know."""
    report = question.asked.risk_report
    return report.model_dump(mode="json")["verdicts"] if report else []


def mark(session: Session, now: datetime) -> str:
    """A short text that is another one as soon as the queue, or what became of an answer, is."""
    under_way = session.scalar(
        select(func.count())
        .select_from(Execution)
        .join(Approval, Approval.execution_id == Execution.id)
        .where(Execution.status != Status.FINISHED)
    )
    return f"{approvals.mark(session, now)}.{under_way}"


def mark_of(session: Session, execution_id: int, now: datetime) -> str:
    """The same for one question and its execution."""
    execution = session.get(Execution, execution_id)
    moved = f"{execution.status}.{execution.record_count}" if execution else ""
    return f"{approvals.mark(session, now)}.{moved}"
