from datetime import datetime, timedelta

from pydantic import BaseModel

from backend.brokers.base import Account, Session, SessionStatus
from backend.core.errors import InvalidInput, SessionDown
from backend.exchange import calendars, sessions
from backend.trading.limits import RiskSettings
from backend.trading.oversight import Halt
from backend.trading.signal import SignalSettings
from backend.workflow import live
from backend.workflow.outcome import Ends, Outcome, too_late
from backend.workflow.settings import Mode
from backend.workflow.steps.base import StepData, Tools, Touches, step

MAX_CLOCK_SKEW_SECONDS = 30.0
DEFAULT_CALENDAR = "XNYS"
FRESH = timedelta(minutes=10)
"""Accounts are looked at every five minutes: one look may fail."""


class MarketHours(BaseModel):
    """Where the exchange stands at the moment of the decision; times in UTC."""

    calendar: str
    is_open: bool
    session_opens_at: datetime | None
    session_closes_at: datetime | None
    is_half_day: bool


class Input(StepData):
    due_at: datetime
    run_before: datetime
    trigger: str
    mode: Mode
    account_setting: str
    schedule_exchange: str | None
    signal_settings: SignalSettings
    strategy_id: int
    risk_settings: RiskSettings


class Output(StepData):
    as_of: datetime
    """The moment of the decision: nothing that happened after it may be seen."""
    account: str
    is_paper: bool
    is_simulated: bool
    login_expires_at: datetime | None
    market_hours: MarketHours


@step("preflight", input=Input, output=Output, touches=Touches.OUTSIDE)
def preflight(input: Input, tools: Tools) -> Output:
    """Is it the time, is trading halted, is the broker there, is it the right account, is there
    a budget, did the day lose too much?"""
    now = tools.clock.now()
    _refuse_late(input, now)
    halts = tools.safeguards.halts()
    _refuse_halted(input, halts, account=None)
    session = _session(tools)
    account = _account(tools.broker.accounts(), input.account_setting)
    _refuse_halted(input, halts, account.id)
    _refuse_unconfirmed(input, tools, account)
    hours = _market_hours(input.schedule_exchange or DEFAULT_CALENDAR, now)
    _refuse_day_without_session(input, hours)
    _refuse_lost_day(input, tools, account.id, now)
    _refuse_without_budget(input, tools)
    if not hours.is_open:
        tools.note("The exchange is closed now; the last closed bars are judged.")
    return Output(
        as_of=now,
        account=account.id,
        is_paper=account.is_paper,
        is_simulated=session.is_simulated,
        login_expires_at=session.login_expires_at,
        market_hours=hours,
    )


def _refuse_late(input: Input, now: datetime) -> None:
    if now > input.run_before:
        raise too_late(input.due_at, now)


def _refuse_halted(input: Input, halts: tuple[Halt, ...], account: str | None) -> None:
    """Before the broker is asked as well: a halt shows even while the session is down."""
    for halt in halts:
        if halt.stops(input.strategy_id, account):
            sentence = f"{halt.sentence} Look at what happened, then release it."
            raise Ends(Outcome.SKIPPED, "halted", sentence)


def _refuse_unconfirmed(input: Input, tools: Tools, account: Account) -> None:
    """Before a model is paid; looked at again right before an order goes out."""
    why = live.why_not(tools.safeguards, input.mode, account.id, account.is_paper)
    if why is not None:
        raise Ends(Outcome.BLOCKED, live.NOT_CONFIRMED, why)


def _refuse_lost_day(input: Input, tools: Tools, account: str, now: datetime) -> None:
    """
    By what was seen of the account last, before a model is paid; the risk check asks the broker.

    What was seen long ago, or not at all, decides nothing here.
    """
    set_by = {"the strategy": input.risk_settings.max_daily_loss}
    for level, limits in tools.safeguards.limits(account).by_level().items():
        set_by["everything" if level == "global" else f"the {level}"] = limits.max_daily_loss
    amounts = {who: amount for who, amount in set_by.items() if amount is not None}
    seen = tools.safeguards.equity(account, now) if amounts else None
    if seen is None or seen.day_pnl is None or now - seen.seen_at > FRESH:
        return
    who = min(amounts, key=lambda each: amounts[each])
    if -seen.day_pnl >= amounts[who]:
        raise Ends(
            Outcome.BLOCKED,
            "max_daily_loss",
            f"The day's loss was {-seen.day_pnl:,.2f} at {seen.seen_at:%H:%M} UTC, and the limit"
            f" set for {who} ends the day at {amounts[who]:,.2f}.",
        )


def _session(tools: Tools) -> Session:
    session = tools.broker.ensure_session()
    if session.status is not SessionStatus.READY:
        raise SessionDown(session.detail, code=session.status.value)
    skew = session.server_time_skew_seconds
    if skew is not None and abs(skew) > MAX_CLOCK_SKEW_SECONDS:
        raise Ends(
            Outcome.BLOCKED,
            "clock_skew",
            f"The gateway's clock and ours differ by {skew:+.0f} s; at most"
            f" {MAX_CLOCK_SKEW_SECONDS:.0f} s are allowed. Set this machine's clock (NTP).",
        )
    return session


def _account(accounts: tuple[Account, ...], wanted: str) -> Account:
    for account in accounts:
        if account.id == wanted or (not wanted and account.is_selected):
            return account
    known = ", ".join(account.id for account in accounts) or "none"
    raise InvalidInput(
        f"The gateway has no account {wanted!r}; it has {known}. Correct the strategy's account"
        " or IBKR_ACCOUNT, or log in with the right user.",
        code="unknown_account",
        field="account",
    )


def _market_hours(name: str, now: datetime) -> MarketHours:
    calendar = calendars.calendar(name)
    session = sessions.session_on(calendar, now.astimezone(calendar.zone).date())
    return MarketHours(
        calendar=calendar.code,
        is_open=sessions.is_open(calendar, now),
        session_opens_at=session and session.open,
        session_closes_at=session and session.close,
        is_half_day=session is not None and session.is_half_day,
    )


def _refuse_day_without_session(input: Input, hours: MarketHours) -> None:
    if input.trigger == "cron" and hours.session_opens_at is None:
        raise Ends(
            Outcome.SKIPPED,
            "market_closed",
            f"{hours.calendar} has no session on this day, so there is nothing new to judge.",
        )


def _refuse_without_budget(input: Input, tools: Tools) -> None:
    needs_model = input.signal_settings.needs_view and not tools.analyst.is_rule_based
    if needs_model and tools.budget.is_spent():
        raise Ends(
            Outcome.SKIPPED,
            "budget",
            "Today's AI budget is spent. Raise AI_DAILY_TOKENS or AI_DAILY_USD, or wait until"
            " midnight UTC.",
        )
