from decimal import Decimal

from backend.trading.exits import Exits, ExitSettings, trail_distance
from backend.trading.limits import RiskReport, check_all
from backend.trading.numbers import exact
from backend.trading.plan import OrderPlan, OrderSettings, plan
from backend.trading.risk import Proposal
from backend.trading.sizing import Sizing, size
from backend.workflow.outcome import Ends, Outcome
from backend.workflow.settings import ChartSettings, Mode
from backend.workflow.steps.base import StepData, Tools, Touches, step
from backend.workflow.steps.proposing import Judged, propose


class Input(Judged):
    # Records from before orders could go out are all of mode observe.
    mode: Mode = Mode.OBSERVE
    last_by_name: dict[str, float | None]
    order_settings: OrderSettings
    exit_settings: ExitSettings = ExitSettings()
    chart_settings: list[ChartSettings] = []


class Output(StepData):
    sizing: Sizing
    proposal: Proposal | None = None
    """All that the limits saw."""
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
    proposal = propose(input, tools.journal, quantity=sizing.quantity, lot=sizing.lot)
    report = check_all(proposal, input.risk_settings, input.limits_in_force)
    found = Output(sizing=sizing, proposal=proposal, risk_report=report, order_plan=None)
    if report.is_refused:
        raise Ends(Outcome.BLOCKED, report.reason_code, report.sentence, found=found)
    exits = _exits(input, found)
    order_plan = plan(
        input.signal,
        symbol=input.contract.symbol,
        conid=input.contract.conid,
        quantity=report.quantity,
        lot=sizing.lot,
        settings=input.order_settings,
        exits=exits,
    )
    found = found.model_copy(update={"order_plan": order_plan})
    if input.mode is Mode.OBSERVE:
        raise Ends(
            Outcome.OBSERVED,
            "observe_only",
            f"{order_plan.side} {order_plan.quantity:f} {order_plan.symbol} would go out; mode"
            " observe sends no orders.",
            found=found,
        )
    return found


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
        atr=_value(input, input.risk_settings.atr_label),
    )


def _value(input: Input, label: str) -> Decimal | None:
    value = input.last_by_name.get(label)
    return None if value is None else exact(value)


def _exits(input: Input, found: Output) -> Exits:
    """Ends blocked where the stop should follow by something that is not known."""
    asked, contract = input.exit_settings, input.contract
    assert input.signal.entry is not None
    atr = _value(input, asked.trailing_label)
    try:
        trail = trail_distance(asked, entry=input.signal.entry, atr=atr, tick=contract.tick)
    except ValueError as error:
        raise Ends(Outcome.BLOCKED, "no_trail", str(error), found=found) from None
    return Exits(
        time_stop_minutes=asked.time_stop_minutes,
        time_stop_bars=asked.time_stop_bars,
        timeframe=input.chart_settings[0].timeframe if input.chart_settings else None,
        calendar=contract.calendar,
        tick=contract.tick,
        trail=trail,
        break_even_after_r=asked.break_even_after_r,
        on_reversal=asked.on_reversal,
    )
