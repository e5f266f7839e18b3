"""Which way the rules and the view point, and what the two together amount to."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from backend.trading.signal_settings import SignalSettings
from backend.trading.view import Direction, View


class RulesVote(StrEnum):
    LONG = "long"
    SHORT = "short"
    SILENT = "silent"  #: no rule holds
    CONFLICT = "conflict"  #: the long and the short rule hold at once
    UNKNOWN = "unknown"  #: no rule holds, and one of them cannot be judged yet
    UNUSED = "unused"  #: the settings do not ask for rules


class ViewVote(StrEnum):
    LONG = "long"
    SHORT = "short"
    NEUTRAL = "neutral"
    UNSURE = "unsure"  #: it has a direction, with too little confidence
    ABSENT = "absent"  #: the analysts gave none
    UNUSED = "unused"  #: the settings do not ask for a view


Reason = Literal[
    "rules_fired",
    "view_confident",
    "rules_and_view_agree",
    "rules_unopposed",
    "rules_silent",
    "rules_conflict",
    "rules_unknown",
    "no_view",
    "view_neutral",
    "low_confidence",
    "view_disagrees",
    "vetoed",
    "short_not_allowed",
    "no_price",
    "no_stop",
    "stop_wrong_side",
    "no_target",
    "target_wrong_side",
    "impossible_price",
    "reward_too_small",
]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Neutral where nothing is to be done; the reason is a code of lineage either way."""

    direction: Direction
    reason: Reason


def vote_of_rules(
    settings: SignalSettings, rules_long: bool | None, rules_short: bool | None
) -> RulesVote:
    """A rule without text has no vote, whatever its value; None is a rule that is not known."""
    if settings.source == "view" or not settings.has_rules:
        return RulesVote.UNUSED
    long = rules_long if settings.long_when.strip() else False
    short = rules_short if settings.short_when.strip() else False
    if long and short:
        return RulesVote.CONFLICT
    if long or short:
        return RulesVote.LONG if long else RulesVote.SHORT
    return RulesVote.UNKNOWN if long is None or short is None else RulesVote.SILENT


def vote_of_view(settings: SignalSettings, view: View | None) -> ViewVote:
    if not settings.needs_view:
        return ViewVote.UNUSED
    if view is None:
        return ViewVote.ABSENT
    if view.direction is Direction.NEUTRAL:
        return ViewVote.NEUTRAL
    if view.confidence < settings.min_confidence:
        return ViewVote.UNSURE
    return ViewVote(view.direction.value)


def choose(settings: SignalSettings, rules: RulesVote, vote: ViewVote, view: View | None) -> Choice:
    by_rules, by_view = _choice_of_rules(rules), _choice_of_view(vote)
    if settings.source == "rules":
        return by_rules
    if settings.source == "view":
        return by_view
    if settings.source == "agree":
        return _agreed(by_rules, by_view)
    if settings.source == "either":
        return _either(by_rules, by_view, rules)
    return _unless_vetoed(by_rules, by_view, view)


def _agreed(by_rules: Choice, by_view: Choice) -> Choice:
    for choice in (by_rules, by_view):
        if choice.direction is Direction.NEUTRAL:
            return choice
    if by_rules.direction is not by_view.direction:
        return _hold("view_disagrees")
    return Choice(direction=by_rules.direction, reason="rules_and_view_agree")


def _either(by_rules: Choice, by_view: Choice, rules: RulesVote) -> Choice:
    if rules is RulesVote.CONFLICT:
        return by_rules
    if by_view.direction is Direction.NEUTRAL:
        return by_view if rules is RulesVote.UNUSED else by_rules
    return by_view if by_rules.direction is Direction.NEUTRAL else _agreed(by_rules, by_view)


def _unless_vetoed(by_rules: Choice, by_view: Choice, view: View | None) -> Choice:
    """An opposing view is a veto however unsure it is, and so is the lack of any view."""
    if by_rules.direction is Direction.NEUTRAL:
        return by_rules
    if view is None:
        return by_view
    if view.direction is by_rules.direction.opposite:
        return _hold("vetoed")
    if by_view.direction is by_rules.direction:
        return Choice(direction=by_rules.direction, reason="rules_and_view_agree")
    return Choice(direction=by_rules.direction, reason="rules_unopposed")


def _choice_of_rules(vote: RulesVote) -> Choice:
    if vote in (RulesVote.LONG, RulesVote.SHORT):
        return Choice(direction=Direction(vote.value), reason="rules_fired")
    if vote is RulesVote.CONFLICT:
        return _hold("rules_conflict")
    return _hold("rules_unknown" if vote is RulesVote.UNKNOWN else "rules_silent")


def _choice_of_view(vote: ViewVote) -> Choice:
    if vote in (ViewVote.LONG, ViewVote.SHORT):
        return Choice(direction=Direction(vote.value), reason="view_confident")
    if vote is ViewVote.NEUTRAL:
        return _hold("view_neutral")
    return _hold("low_confidence" if vote is ViewVote.UNSURE else "no_view")


def _hold(reason: Reason) -> Choice:
    return Choice(direction=Direction.NEUTRAL, reason=reason)
