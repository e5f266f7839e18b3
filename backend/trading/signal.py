"""The signal: buy, sell or hold, with its prices and its reason."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from backend.core.errors import InvalidInput
from backend.trading import levels
from backend.trading.levels import Levels
from backend.trading.numbers import is_price
from backend.trading.signal_settings import SignalSettings
from backend.trading.view import Direction, View
from backend.trading.votes import (
    Choice,
    Reason,
    RulesVote,
    ViewVote,
    choose,
    vote_of_rules,
    vote_of_view,
)

__all__ = ["Action", "Direction", "Signal", "SignalSettings", "View", "decide"]


class Action(StrEnum):
    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"


class Signal(BaseModel):
    """
    What to do and why. Prices are in contract currency, on the tick.

    A HOLD keeps the prices that were found before the reason to hold, so that a reader sees them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: Action
    reason_code: Reason
    sentence: str
    entry: Decimal | None = None
    stop: Decimal | None = None
    targets: tuple[Decimal, ...] = ()
    """Nearest first."""
    risk_per_share: Decimal | None = None
    r_multiples: tuple[Decimal, ...] = ()
    """Each target's distance from the entry, in distances of the stop."""
    reward_to_risk: Decimal | None = None
    """The mean of them, since equal parts leave at each target."""
    confidence: Decimal | None = None
    """The view's, as a fraction; None where no view was asked for or given."""
    expires_at: datetime | None = None
    rules_vote: RulesVote
    view_vote: ViewVote


def decide(
    settings: SignalSettings,
    *,
    rules_long: bool | None,
    rules_short: bool | None,
    view: View | None,
    last_price: Decimal | None,
    tick: Decimal,
    series_last: Mapping[str, float],
    now: datetime,
) -> Signal:
    """
    Weigh rules and view, and find the prices of a trade that enters at the last price.

    `rules_long` and `rules_short` are what `Rule.last` gives. `last_price` is the quote or the
    close of the last bar; without one the answer is HOLD. `series_last` holds the last values by
    the names that rules use. Raises `InvalidInput` for a tick that is not above zero.
    """
    if not is_price(tick):
        raise InvalidInput(f"A tick is a price above zero, not {tick}.", field="tick")
    rules_vote = vote_of_rules(settings, rules_long, rules_short)
    view_vote = vote_of_view(settings, view)
    if not settings.needs_view:
        view = None
    choice = choose(settings, rules_vote, view_vote, view)
    seen: dict[str, Any] = {
        "rules_vote": rules_vote,
        "view_vote": view_vote,
        "confidence": view.confidence if view else None,
    }
    why = _why(settings, rules_vote, view_vote, view)
    if choice.direction is Direction.NEUTRAL:
        return _hold(choice.reason, why, seen)
    if choice.direction is Direction.SHORT and not settings.allow_short:
        return _hold("short_not_allowed", f"{why}; allow_short is off", seen)
    if last_price is None or not is_price(last_price):
        return _hold("no_price", f"{why}; there is no last price to enter at", seen)
    found = levels.find(
        settings,
        choice.direction,
        view=view,
        last_price=last_price,
        tick=tick,
        series_last=series_last,
    )
    seen |= _prices(found)
    if found.problem is not None:
        return _hold(found.problem.reason, f"{why}. {found.problem.sentence.rstrip('.')}", seen)
    expires_at = now + timedelta(minutes=settings.expires_after_minutes)
    return _trade(choice, found, why, expires_at, seen)


def _hold(reason: Reason, why: str, seen: dict[str, Any]) -> Signal:
    return Signal(action=Action.HOLD, reason_code=reason, sentence=f"HOLD: {why}.", **seen)


def _trade(
    choice: Choice, found: Levels, why: str, expires_at: datetime, seen: dict[str, Any]
) -> Signal:
    action = Action.BUY if choice.direction is Direction.LONG else Action.SELL
    prices = (
        f"Entry {found.entry}, stop {found.stop}, targets {', '.join(map(str, found.targets))}: "
        f"{found.reward_to_risk} times the risk on average"
    )
    return Signal(
        action=action,
        reason_code=choice.reason,
        sentence=f"{action}: {why}. {prices}.",
        expires_at=expires_at,
        **seen,
    )


def _prices(found: Levels) -> dict[str, Any]:
    return {
        "entry": found.entry,
        "stop": found.stop,
        "targets": found.targets,
        "risk_per_share": found.risk,
        "r_multiples": found.r_multiples,
        "reward_to_risk": found.reward_to_risk,
    }


_RULES = {
    RulesVote.LONG: "the rule for buying holds",
    RulesVote.SHORT: "the rule for selling short holds",
    RulesVote.SILENT: "no rule holds",
    RulesVote.CONFLICT: "the rules for buying and for selling short hold at once",
    RulesVote.UNKNOWN: "the rules cannot be judged yet, a value is not known",
}


def _why(settings: SignalSettings, rules: RulesVote, vote: ViewVote, view: View | None) -> str:
    """What was said, by whom; it stands behind the action in the signal's sentence."""
    said = [_RULES[rules]] if rules is not RulesVote.UNUSED else []
    if vote is ViewVote.ABSENT:
        said.append("there is no view")
    if view is not None:
        said.append(f"the view is {view.direction} with confidence {view.confidence:.2f}")
    if vote is ViewVote.UNSURE:
        said.append(f"less than the {settings.min_confidence:.2f} that is asked for")
    return ", ".join(said) + f" (source: {settings.source})"
