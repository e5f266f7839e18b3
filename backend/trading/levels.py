"""
Where a trade enters, stops and takes profit, on the tick.

Rounding is always against us, so that no trade looks better than it is: the entry to the worse
price, the stop away from the entry, each target towards it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal

from backend.trading.numbers import ceil_to, exact, exactly, floor_to, is_price
from backend.trading.signal_settings import (
    AtrStop,
    IndicatorStop,
    PercentStop,
    SignalSettings,
    ViewTargets,
)
from backend.trading.view import Direction, View
from backend.trading.votes import Reason

_FOUR_PLACES = Decimal("0.0001")


@dataclass(frozen=True, kw_only=True)
class Problem:
    reason: Reason
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Levels:
    """As far as they could be found: `problem` says why the rest is missing, or not good enough."""

    direction: Direction
    entry: Decimal
    stop: Decimal | None = None
    targets: tuple[Decimal, ...] = ()
    problem: Problem | None = None

    @property
    def risk(self) -> Decimal | None:
        """Distance of entry and stop, per share."""
        return None if self.stop is None else abs(self.entry - self.stop)

    @property
    def r_multiples(self) -> tuple[Decimal, ...]:
        """Each target's distance over the stop's, cut to four places."""
        return tuple(self._in_risks(abs(target - self.entry)) for target in self.targets)

    @property
    def reward(self) -> Decimal | None:
        """Mean distance of the targets, per share: equal parts leave at each."""
        if not self.targets:
            return None
        with exactly():
            return sum((abs(target - self.entry) for target in self.targets), Decimal(0)) / len(
                self.targets
            )

    @property
    def reward_to_risk(self) -> Decimal | None:
        return None if self.reward is None else self._in_risks(self.reward)

    def _in_risks(self, distance: Decimal) -> Decimal:
        assert self.risk is not None
        with exactly():
            return (distance / self.risk).quantize(_FOUR_PLACES, ROUND_DOWN)

    def but(self, reason: Reason, sentence: str) -> "Levels":
        return replace(self, problem=Problem(reason=reason, sentence=sentence))


def find(
    settings: SignalSettings,
    direction: Direction,
    *,
    view: View | None,
    last_price: Decimal,
    tick: Decimal,
    series_last: Mapping[str, float],
) -> Levels:
    """`direction` is long or short, `last_price` a price; both are the caller's to check."""
    is_long = direction is Direction.LONG
    entry = ceil_to(last_price, tick) if is_long else floor_to(last_price, tick)
    levels = Levels(direction=direction, entry=entry)
    if not is_price(entry):
        return levels.but("impossible_price", f"The entry would be at {entry}.")
    levels = _with_stop(levels, settings, view, series_last, tick)
    if levels.problem is None:
        levels = _with_targets(levels, settings, view, tick)
    return levels if levels.problem else _worth_it(levels, settings, tick)


def _with_stop(
    levels: Levels,
    settings: SignalSettings,
    view: View | None,
    series_last: Mapping[str, float],
    tick: Decimal,
) -> Levels:
    raw = _raw_stop(levels, settings, view, series_last)
    if raw is None:
        where = getattr(settings.stop, "label", "the view")
        return levels.but("no_stop", f"There is no stop: {where} gives no usable value.")
    if not is_price(raw):
        return levels.but("impossible_price", f"The stop would be at {raw}.")
    stop = floor_to(raw, tick) if levels.direction is Direction.LONG else ceil_to(raw, tick)
    if not is_price(stop):
        return levels.but("impossible_price", f"The stop would be at {stop}.")
    levels = replace(levels, stop=stop)
    if not _is_beyond(stop, levels.entry, levels.direction.opposite):
        side = "below" if levels.direction is Direction.LONG else "above"
        return levels.but(
            "stop_wrong_side", f"The stop at {stop} is not {side} the entry at {levels.entry}."
        )
    return levels


def _raw_stop(
    levels: Levels, settings: SignalSettings, view: View | None, series_last: Mapping[str, float]
) -> Decimal | None:
    stop, sign = settings.stop, levels.direction.sign
    if isinstance(stop, PercentStop):
        return levels.entry * (1 - sign * stop.fraction)
    if isinstance(stop, AtrStop | IndicatorStop):
        value = exact(series_last.get(stop.label, float("nan")))
        if value is None or isinstance(stop, IndicatorStop):
            return value
        # An ATR of zero or less is no measure of anything.
        return levels.entry - sign * stop.multiple * value if value > 0 else None
    return view.stop if view is not None else None


def _with_targets(
    levels: Levels, settings: SignalSettings, view: View | None, tick: Decimal
) -> Levels:
    raw = _raw_targets(levels, settings, view)
    if not raw:
        return levels.but("no_target", "There is no target: the view gives none.")
    is_long = levels.direction is Direction.LONG
    targets = []
    for price in sorted(raw, reverse=not is_long):
        if not is_price(price):
            return levels.but("impossible_price", f"A target would be at {price}.")
        target = floor_to(price, tick) if is_long else ceil_to(price, tick)
        if not _is_beyond(target, levels.entry, levels.direction):
            side = "above" if is_long else "below"
            return levels.but(
                "target_wrong_side",
                f"The target at {target} is not {side} the entry at {levels.entry}.",
            )
        targets.append(target)
    return replace(levels, targets=tuple(dict.fromkeys(targets)))


def _raw_targets(
    levels: Levels, settings: SignalSettings, view: View | None
) -> tuple[Decimal, ...]:
    if isinstance(settings.targets, ViewTargets):
        return view.targets if view is not None else ()
    assert levels.risk is not None
    step = levels.direction.sign * levels.risk
    return tuple(levels.entry + multiple * step for multiple in settings.targets)


def _worth_it(levels: Levels, settings: SignalSettings, tick: Decimal) -> Levels:
    """One tick of grace: rounding alone must not turn a target of 1.5 R into less than 1.5 R."""
    assert levels.risk is not None
    assert levels.reward is not None
    minimum = settings.minimum_reward_to_risk
    if levels.reward + tick >= minimum * levels.risk:
        return levels
    return levels.but(
        "reward_too_small",
        f"The targets are worth {levels.reward_to_risk} times the risk on average, "
        f"less than the {minimum:g} that is asked for.",
    )


def _is_beyond(price: Decimal, entry: Decimal, direction: Direction) -> bool:
    return (price - entry) * direction.sign > 0
