"""A strategy's order that waits for a person, and an executor whose twelfth step asks for one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from backend.brokers.base import Quote
from backend.brokers.orders import Preview
from backend.executions.executor import StrategyExecutor
from backend.trading.limits import RiskReport
from backend.trading.plan import OrderPlan, OrderSettings
from backend.workflow.asking import ApprovalRequest, approval
from backend.workflow.outcome import Ends, Outcome
from backend.workflow.plan import Plan, live_plan
from backend.workflow.steps import Step, Tools, steps
from backend.workflow.steps.base import StepData, Touches
from tests.support.live_engine import Engine

PLAN = OrderPlan.model_validate(
    {
        "symbol": "AAPL",
        "conid": 265598,
        "side": "BUY",
        "quantity": "40",
        "order_type": "LMT",
        "entry": "230.00",
        "stop": "224.50",
        "targets": [{"price": "238.00", "quantity": "20"}, {"price": "246.00", "quantity": "20"}],
        "tif": "DAY",
    }
)


def request(execution_id: int, **changes: Any) -> ApprovalRequest:
    made = ApprovalRequest(
        execution_id=execution_id,
        strategy_id=1,
        strategy_name="Always long",
        account="DU1234567",
        is_paper=True,
        is_simulated=True,
        currency="USD",
        order_plan=PLAN,
        quote=quote(),
        preview=Preview(
            amount=Decimal("9200"),
            commission=Decimal("1.00"),
            initial_margin=Decimal("2300"),
            maintenance_margin=Decimal("2100"),
            equity_after=Decimal("999999"),
            position_after=Decimal("40"),
            warning=None,
            refusal=None,
        ),
        risk_report=None,
        signal_expires_at=None,
        patience_minutes=15,
    )
    return made.model_copy(update=changes)


def quote(last: str = "230.10", at: datetime | None = None) -> Quote:
    price = Decimal(last)
    cent = Decimal("0.01")
    return Quote(
        conid=265598,
        last=price,
        bid=price - cent,
        ask=price + cent,
        volume=None,
        prior_close=None,
        is_halted=False,
        is_delayed=False,
        updated_at=at,
    )


class Asked(StepData):
    approved_by: str


class Wanted(StepData):
    execution_id: int


def asks(wanted: Wanted, tools: Tools, **changes: Any) -> Asked:
    """In place of the step that places orders: it asks, and notes who said yes."""
    wish = request(wanted.execution_id, **changes)
    decision = approval(tools.approvals, wish, tools.clock.now())
    raise Ends(
        Outcome.ORDERED,
        "ordered",
        f"{decision.decided_by} approved it.",
        found=Asked(approved_by=decision.decided_by or ""),
    )


def asking_executor(
    engine: Engine, then: Callable[[], None] = lambda: None, **changes: Any
) -> StrategyExecutor:
    """
    An executor whose executions come to the question at once; `then` happens between the question
    and its record.
    """

    def run(wanted: Wanted, tools: Tools) -> Asked:
        try:
            return asks(wanted, tools, **changes)
        finally:
            then()

    step = Step(name="place_orders", input=Wanted, output=Asked, touches=Touches.ORDERS, run=run)
    return StrategyExecutor(engine.tools, Plan(names=("place_orders", "reconcile"), steps=(step,)))


ASKED = ApprovalRequest.model_fields


class Known(StepData):
    execution_id: int
    strategy_id: int
    strategy_name: str
    account: str
    is_paper: bool
    is_simulated: bool
    quote: Quote | None
    order_plan: OrderPlan
    risk_report: RiskReport | None
    order_settings: OrderSettings


def whole_executor(engine: Engine, **changes: Any) -> StrategyExecutor:
    """All steps up to the plan, then the question; `changes` are to what is asked."""

    def asks_all(known: Known, tools: Tools) -> Asked:
        told = {name: getattr(known, name) for name in Known.model_fields if name in ASKED}
        told["patience_minutes"] = known.order_settings.approval_minutes
        decision = approval(tools.approvals, request(**{**told, **changes}), tools.clock.now())
        raise Ends(
            Outcome.ORDERED,
            "ordered",
            f"{decision.decided_by} approved it.",
            found=Asked(approved_by=decision.decided_by or ""),
        )

    names = live_plan().names
    before = [steps.get(name) for name in names[: names.index("size_and_check_risk")]]
    sizing = replace(steps.get("size_and_check_risk"), run=_goes_on)
    question = Step(
        name="place_orders", input=Known, output=Asked, touches=Touches.ORDERS, run=asks_all
    )
    return StrategyExecutor(engine.tools, Plan(names=names, steps=(*before, sizing, question)))


def _goes_on(asked: Any, tools: Tools) -> StepData:
    """As the last step in mode approve: what it found goes to the step that asks."""
    try:
        return steps.get("size_and_check_risk").run(asked, tools)
    except Ends as end:
        return cast(StepData, end.found)
