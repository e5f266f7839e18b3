"""An order and the account it would go out for, as limits see them; asked twice for each order."""

from datetime import datetime, timedelta
from decimal import Decimal

from backend.brokers.base import AccountSnapshot, Contract, Quote
from backend.exchange import calendars, sessions
from backend.trading.limits import LimitsInForce, RiskSettings
from backend.trading.oversight import EquityHistory, minutes_between, tallies
from backend.trading.risk import Level, Proposal, Tally
from backend.trading.signal import Action, Signal
from backend.workflow import exposure
from backend.workflow.steps.base import Journal, StepData


class Judged(StepData):
    """The facts that limits are asked about; `as_of` is the moment of asking."""

    strategy_id: int
    contract: Contract
    quote: Quote | None
    account_snapshot: AccountSnapshot
    limits_in_force: LimitsInForce
    equity_history: EquityHistory | None
    login_expires_at: datetime | None
    signal: Signal
    risk_settings: RiskSettings
    as_of: datetime


def propose(facts: Judged, journal: Journal, *, quantity: Decimal, lot: Decimal) -> Proposal:
    """Out of facts alone, but for the orders that went out meanwhile."""
    account, contract, signal = facts.account_snapshot, facts.contract, facts.signal
    bought, sold = exposure.working(account.working_orders, contract.conid)
    return Proposal.model_validate(
        {
            "side": signal.action,
            "quantity": quantity,
            "entry": signal.entry,
            "stop": signal.stop,
            "lot": lot,
            "symbol": contract.symbol,
            "reward_to_risk": signal.reward_to_risk,
            "equity": account.equity,
            "day_pnl": account.day_pnl,
            "held": exposure.held(account.positions, contract.conid),
            "working_buys": bought,
            "working_sells": sold,
            "book": exposure.book(account, without=contract.conid),
            "open_positions": sum(each.conid != contract.conid for each in account.positions),
            "past": facts.equity_history and facts.equity_history.at(facts.as_of),
            "is_open": sessions.is_open(calendars.calendar(contract.calendar), facts.as_of),
            "minutes_to_reset": _minutes_to_reset(facts),
            "tallies": _tallies(facts, journal),
            **_quoted(facts),
        }
    )


def _quoted(facts: Judged) -> dict[str, Decimal | None]:
    """A quote without a time of its own has no age; one that is delayed is none to go by."""
    quote = facts.quote
    if quote is None or quote.is_halted or quote.is_delayed:
        return {"quote": None, "quote_age_seconds": None}
    side = quote.ask if facts.signal.action is Action.BUY else quote.bid
    age = None
    if quote.updated_at is not None:
        seconds = (facts.as_of - quote.updated_at).total_seconds()
        age = Decimal(repr(round(max(seconds, 0.0), 3)))
    return {"quote": side or quote.last, "quote_age_seconds": age}


def _minutes_to_reset(facts: Judged) -> Decimal | None:
    if facts.login_expires_at is None:
        return None
    return minutes_between(facts.as_of, facts.login_expires_at)


def _tallies(facts: Judged, journal: Journal) -> dict[Level, Tally]:
    day_start = _day_start(facts)
    return tallies(
        journal.orders_since(min(day_start, facts.as_of - _longest_look_back(facts))),
        strategy_id=facts.strategy_id,
        account=facts.account_snapshot.account,
        symbol=facts.contract.symbol,
        side=facts.signal.action,
        as_of=facts.as_of,
        day_start=day_start,
    )


def _longest_look_back(facts: Judged) -> timedelta:
    asked = [facts.risk_settings.no_repeat_minutes]
    asked += [each.no_repeat_minutes for each in facts.limits_in_force.by_level().values()]
    return timedelta(minutes=max(minutes or 1 for minutes in asked))


def _day_start(facts: Judged) -> datetime:
    """Midnight of the exchange's own day."""
    zone = calendars.calendar(facts.contract.calendar).zone
    return facts.as_of.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
