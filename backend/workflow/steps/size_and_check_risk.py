from datetime import datetime, timedelta
from decimal import Decimal

from backend.brokers.base import AccountSnapshot, Contract, Quote
from backend.exchange import calendars, sessions
from backend.trading.exits import Exits, ExitSettings, trail_distance
from backend.trading.limits import LimitsInForce, RiskReport, RiskSettings, check_all
from backend.trading.numbers import exact
from backend.trading.oversight import EquityHistory, minutes_between, tallies
from backend.trading.plan import OrderPlan, OrderSettings, plan
from backend.trading.risk import Level, Proposal, Tally
from backend.trading.signal import Action, Signal
from backend.trading.sizing import Sizing, size
from backend.workflow import exposure
from backend.workflow.outcome import Ends, Outcome
from backend.workflow.settings import ChartSettings
from backend.workflow.steps.base import StepData, Tools, Touches, step


class Input(StepData):
    strategy_id: int
    contract: Contract
    quote: Quote | None
    account_snapshot: AccountSnapshot
    limits_in_force: LimitsInForce
    equity_history: EquityHistory | None
    login_expires_at: datetime | None
    signal: Signal
    last_by_name: dict[str, float | None]
    risk_settings: RiskSettings
    order_settings: OrderSettings
    exit_settings: ExitSettings = ExitSettings()
    chart_settings: list[ChartSettings] = []
    as_of: datetime


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
    proposal = _proposal(input, sizing, tools)
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
    raise Ends(
        Outcome.OBSERVED,
        "observe_only",
        f"{order_plan.side} {order_plan.quantity:f} {order_plan.symbol} would go out; mode observe"
        " sends no orders.",
        found=found.model_copy(update={"order_plan": order_plan}),
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


def _proposal(input: Input, sizing: Sizing, tools: Tools) -> Proposal:
    """Out of facts alone, but for the orders that went out meanwhile."""
    account, contract, signal = input.account_snapshot, input.contract, input.signal
    bought, sold = exposure.working(account.working_orders, contract.conid)
    return Proposal.model_validate(
        {
            "side": signal.action,
            "quantity": sizing.quantity,
            "entry": signal.entry,
            "stop": signal.stop,
            "lot": sizing.lot,
            "symbol": contract.symbol,
            "reward_to_risk": signal.reward_to_risk,
            "equity": account.equity,
            "day_pnl": account.day_pnl,
            "held": exposure.held(account.positions, contract.conid),
            "working_buys": bought,
            "working_sells": sold,
            "book": exposure.book(account, without=contract.conid),
            "open_positions": sum(each.conid != contract.conid for each in account.positions),
            "past": input.equity_history and input.equity_history.at(input.as_of),
            "is_open": sessions.is_open(calendars.calendar(contract.calendar), input.as_of),
            "minutes_to_reset": _minutes_to_reset(input),
            "tallies": _tallies(input, tools),
            **_quoted(input),
        }
    )


def _quoted(input: Input) -> dict[str, Decimal | None]:
    """A quote without a time of its own has no age; one that is delayed is none to go by."""
    quote = input.quote
    if quote is None or quote.is_halted or quote.is_delayed:
        return {"quote": None, "quote_age_seconds": None}
    side = quote.ask if input.signal.action is Action.BUY else quote.bid
    age = None
    if quote.updated_at is not None:
        seconds = (input.as_of - quote.updated_at).total_seconds()
        age = Decimal(repr(round(max(seconds, 0.0), 3)))
    return {"quote": side or quote.last, "quote_age_seconds": age}


def _minutes_to_reset(input: Input) -> Decimal | None:
    if input.login_expires_at is None:
        return None
    return minutes_between(input.as_of, input.login_expires_at)


def _tallies(input: Input, tools: Tools) -> dict[Level, Tally]:
    day_start = _day_start(input)
    return tallies(
        tools.journal.orders_since(min(day_start, input.as_of - _longest_look_back(input))),
        strategy_id=input.strategy_id,
        account=input.account_snapshot.account,
        symbol=input.contract.symbol,
        side=input.signal.action,
        as_of=input.as_of,
        day_start=day_start,
    )


def _longest_look_back(input: Input) -> timedelta:
    asked = [input.risk_settings.no_repeat_minutes]
    asked += [each.no_repeat_minutes for each in input.limits_in_force.by_level().values()]
    return timedelta(minutes=max(minutes or 1 for minutes in asked))


def _day_start(input: Input) -> datetime:
    """Midnight of the exchange's own day."""
    zone = calendars.calendar(input.contract.calendar).zone
    return input.as_of.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
