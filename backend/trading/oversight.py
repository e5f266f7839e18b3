"""What people and the past have to say about an account: halts, earlier orders, its equity."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from backend.trading.risk import Level, Past, Tally
from backend.trading.signal import Action

Meaning = Literal["stop", "cancel", "flatten"]
MEANINGS: tuple[Meaning, ...] = get_args(Meaning)
"""What a kill switch does, each more than the one before it."""

IN_WORDS: dict[Meaning, str] = {
    "stop": "No new orders. What works at the broker and what is held is left alone.",
    "cancel": "No new orders, and every order that would open or add to a position is cancelled."
    " Stops and targets of what is held stay at the broker.",
    "flatten": "No new orders, every order is cancelled, and every position is closed at the"
    " market.",
}


def is_stronger(meaning: Meaning, than: Meaning) -> bool:
    return MEANINGS.index(meaning) > MEANINGS.index(than)


class Halt(BaseModel):
    """New orders are stopped. `target` names whose: an account's id, a strategy's number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scope: Literal["all", "account", "strategy"]
    target: str = ""
    meaning: Meaning = "stop"
    reason: str
    since: datetime | None
    """None where only the switch itself is seen, such as a file."""
    by: str

    def stops(self, strategy_id: int, account: str | None) -> bool:
        """Whether it stops this strategy in this account; None stands for one not known yet."""
        if self.scope == "all":
            return True
        return self.target == (str(strategy_id) if self.scope == "strategy" else account)

    @property
    def sentence(self) -> str:
        whose = {"all": "All trading", "account": f"Account {self.target}"}
        what = whose.get(self.scope, f"Strategy {self.target}")
        since = f" since {self.since:%Y-%m-%d %H:%M} UTC" if self.since else ""
        why = f": {self.reason.rstrip('.')}" if self.reason else ""
        return f"{what} is halted{since} by {self.by}{why}.{_DOES[self.meaning]}"


_DOES: dict[Meaning, str] = {
    "stop": "",
    "cancel": " Orders that would open or add are cancelled.",
    "flatten": " Every order is cancelled and every position closed.",
}


class PastOrder(BaseModel):
    """An order that went out, or in mode observe would have. None: it is not known any more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strategy_id: int
    account: str | None
    symbol: str
    side: str | None
    at: datetime


class EquityHistory(BaseModel):
    """What was seen of an account's equity up to now, in its currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    peak: Decimal
    peak_at: datetime
    seen_at: datetime
    """When it was looked at last."""
    day_pnl: Decimal | None
    """The day's profit then."""
    loss: Decimal | None = None
    """The newest realised loss, above zero; None where none was seen."""
    loss_at: datetime | None = None

    def at(self, moment: datetime) -> Past:
        """As limits ask for it."""
        since = None if self.loss_at is None else minutes_between(self.loss_at, moment)
        return Past(peak=self.peak, loss=self.loss, minutes_since_loss=since)


def tallies(
    orders: Iterable[PastOrder],
    *,
    strategy_id: int,
    account: str,
    symbol: str,
    side: Action,
    as_of: datetime,
    day_start: datetime,
) -> dict[Level, Tally]:
    """The orders before this one as each level counts them; one of unknown account counts."""
    everything = list(orders)
    of_account = [order for order in everything if order.account in (account, None)]
    by_level: dict[Level, list[PastOrder]] = {
        "strategy": [order for order in everything if order.strategy_id == strategy_id],
        "account": of_account,
        "global": everything,
    }
    return {level: _tally(each, symbol, side, as_of, day_start) for level, each in by_level.items()}


def _tally(
    orders: list[PastOrder], symbol: str, side: Action, as_of: datetime, day_start: datetime
) -> Tally:
    same = [order.at for order in orders if order.symbol == symbol and order.side in (side, None)]
    return Tally(
        today=sum(order.at >= day_start for order in orders),
        last_minute=sum(order.at > as_of - timedelta(minutes=1) for order in orders),
        same_minutes_ago=minutes_between(max(same), as_of) if same else None,
    )


def minutes_between(earlier: datetime, later: datetime) -> Decimal:
    """To the second; never below zero, since what came after the decision is new to it."""
    seconds = round((later - earlier).total_seconds())
    return (Decimal(max(seconds, 0)) / 60).quantize(Decimal("0.01"))
