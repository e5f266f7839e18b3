from datetime import datetime
from decimal import Decimal

from backend.brokers.base import AccountSnapshot, Contract
from backend.exchange import calendars
from backend.trading.limits import RiskReport, RiskSettings, check_all
from backend.trading.numbers import exact
from backend.trading.plan import OrderPlan, OrderSettings, plan
from backend.trading.risk import Proposal
from backend.trading.signal import Signal
from backend.trading.sizing import Sizing, size
from backend.workflow.outcome import Ends, Outcome
from backend.workflow.steps.base import StepData, Tools, Touches, step


class Input(StepData):
    strategy_id: int
    contract: Contract
    account_snapshot: AccountSnapshot
    signal: Signal
    last_by_name: dict[str, float | None]
    risk_settings: RiskSettings
    order_settings: OrderSettings
    as_of: datetime


class Output(StepData):
    sizing: Sizing
    risk_report: RiskReport | None
    order_plan: OrderPlan | None


@step("size_and_check_risk", input=Input, output=Output, touches=Touches.NOTHING)
def size_and_check_risk(input: Input, tools: Tools) -> Output:
    """How much, is that allowed, and what order it comes to. In mode observe it ends here."""
    _refuse_other_currency(input)
    sizing = _size(input)
    if sizing.reason_code is not None:
        nothing = Output(sizing=sizing, risk_report=None, order_plan=None)
        raise Ends(Outcome.BLOCKED, sizing.reason_code, sizing.sentence, found=nothing)
    report = check_all(_proposal(input, sizing, tools), input.risk_settings)
    if report.is_refused:
        refused = Output(sizing=sizing, risk_report=report, order_plan=None)
        raise Ends(Outcome.BLOCKED, report.reason_code, report.sentence, found=refused)
    order_plan = plan(
        input.signal,
        symbol=input.contract.symbol,
        conid=input.contract.conid,
        quantity=report.quantity,
        lot=sizing.lot,
        settings=input.order_settings,
    )
    raise Ends(
        Outcome.OBSERVED,
        "observe_only",
        f"{order_plan.side} {order_plan.quantity:f} {order_plan.symbol} would go out; mode observe"
        " sends no orders.",
        found=Output(sizing=sizing, risk_report=report, order_plan=order_plan),
    )


def _refuse_other_currency(input: Input) -> None:
    account, contract = input.account_snapshot.currency, input.contract.currency
    if account != contract:
        raise Ends(
            Outcome.BLOCKED,
            "other_currency",
            f"The account is kept in {account} and {input.contract.symbol} trades in {contract};"
            " risk over two currencies is not measured. Choose a symbol in the account's currency.",
        )


def _size(input: Input) -> Sizing:
    return size(
        input.signal,
        equity=input.account_snapshot.equity,
        buying_power=input.account_snapshot.buying_power,
        lot=input.contract.lot,
        settings=input.risk_settings,
        atr=_atr(input),
    )


def _atr(input: Input) -> Decimal | None:
    value = input.last_by_name.get(input.risk_settings.atr_label)
    return None if value is None else exact(value)


def _proposal(input: Input, sizing: Sizing, tools: Tools) -> Proposal:
    assert input.signal.entry is not None
    assert input.signal.stop is not None
    held = (
        position.quantity
        for position in input.account_snapshot.positions
        if position.conid == input.contract.conid
    )
    return Proposal.model_validate(
        {
            "side": input.signal.action,
            "quantity": sizing.quantity,
            "entry": input.signal.entry,
            "stop": input.signal.stop,
            "lot": sizing.lot,
            "equity": input.account_snapshot.equity,
            "held": sum(held, Decimal(0)),
            "orders_today": tools.journal.orders_since(input.strategy_id, _day_start(input)),
        }
    )


def _day_start(input: Input) -> datetime:
    """Midnight of the exchange's own day."""
    zone = calendars.calendar(input.contract.calendar).zone
    return input.as_of.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
