"""The rules of the rule-based analyst: what each indicator says, and how much it counts."""

from collections.abc import Iterator
from dataclasses import dataclass

from backend.analysis.base import Claim
from backend.analysis.facts import ChartFacts


@dataclass(frozen=True, kw_only=True)
class Mark:
    """`score` runs from -1, falling, to 1, rising; `weight` is how much it counts."""

    score: float
    weight: float
    reason: str
    claims: tuple[Claim, ...]


def marks(facts: ChartFacts) -> list[Mark]:
    """
    One mark for every series that the rules know by its usual label.

    Price against each moving average and SuperTrend, MACD against its signal, RSI by its zone,
    and the change over 20 bars, which is always there. Everything else is left to other analysts.
    """
    return [*_averages(facts), *_supertrends(facts), *_macds(facts), *_rsis(facts), _change(facts)]


def total(given: list[Mark]) -> float:
    """The weighted mean of all scores, from -1 to 1."""
    return sum(mark.score * mark.weight for mark in given) / sum(mark.weight for mark in given)


def _known(facts: ChartFacts, *starts: str) -> Iterator[tuple[str, float]]:
    for label in sorted(facts.series):
        value = facts.value(label)
        if value is not None and label.startswith(starts):
            yield label, value


def _quote(label: str, value: float, bars_ago: int = 0) -> Claim:
    # Eight significant digits: floats carry noise beyond, and the claim stays true.
    return Claim(name=label, value=float(f"{value:.8g}"), bars_ago=bars_ago)


def _averages(facts: ChartFacts) -> Iterator[Mark]:
    for label, value in _known(facts, "sma", "ema", "vwap"):
        is_above = facts.last_close > value
        yield Mark(
            score=1 if is_above else -1,
            weight=1,
            reason=f"The close {facts.last_close:g} is {'above' if is_above else 'below'}"
            f" {label} at {value:.4g}.",
            claims=(_quote(label, value), _quote("close", facts.last_close)),
        )


def _supertrends(facts: ChartFacts) -> Iterator[Mark]:
    for label, value in _known(facts, "supertrend"):
        if label.endswith("_direction"):
            continue
        is_up = facts.last_close > value
        yield Mark(
            score=1 if is_up else -1,
            weight=2,
            reason=f"{label} at {value:.4g} is {'under' if is_up else 'over'} the close.",
            claims=(_quote(label, value),),
        )


def _macds(facts: ChartFacts) -> Iterator[Mark]:
    for label, value in _known(facts, "macd"):
        signal = facts.value(f"{label}_signal")
        if signal is None:
            continue
        is_up = value > signal
        yield Mark(
            score=1 if is_up else -1,
            weight=1,
            reason=f"{label} at {value:.4g} is {'above' if is_up else 'below'} its signal line.",
            claims=(_quote(label, value), _quote(f"{label}_signal", signal)),
        )


def _rsis(facts: ChartFacts) -> Iterator[Mark]:
    for label, value in _known(facts, "rsi"):
        zone, score = _rsi_zone(value)
        yield Mark(
            score=score,
            weight=1,
            reason=f"{label} at {value:.1f} is {zone}.",
            claims=(_quote(label, value),),
        )


def _rsi_zone(value: float) -> tuple[str, float]:
    """Wilder's bounds of 30 and 70; between them the side of 50 counts half."""
    if value >= 70:
        return "overbought", -0.5
    if value <= 30:
        return "oversold", 0.5
    return ("in its upper half", 0.5) if value >= 50 else ("in its lower half", -0.5)


def _change(facts: ChartFacts) -> Mark:
    bars_ago = min(20, len(facts.close) - 1)
    before = facts.close[-1 - bars_ago]
    change = facts.last_close / before - 1
    in_ranges = (facts.last_close - before) / (facts.true_range() or facts.last_close)
    return Mark(
        score=max(-1.0, min(1.0, in_ranges / 4)),
        weight=1,
        reason=f"Price changed by {change:+.1%} over {bars_ago} bars.",
        claims=(
            _quote("close", facts.last_close),
            _quote("close", before, bars_ago),
        ),
    )
