"""
Where the rules of a strategy would have held over the last year.

Rules only: what a model would have said then cannot be known now. Each bar is judged by what had
closed with it, as a step would judge it then; indicators begin with the first bar that was fetched.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from backend.brokers.base import Contract
from backend.core.clock import from_ms, to_ms
from backend.core.errors import InvalidInput, OutsideError
from backend.core.values import Bars, FloatArray, IntArray, Timeframe
from backend.exchange import calendars
from backend.exchange.sessions import bar_close_ms, expected_starts
from backend.indicators import compute, warm_up
from backend.strategies.definition import StrategyDefinition
from backend.workflow.settings import ChartSettings
from backend.workflow.steps import Tools
from backend.workflow.steps.compute_indicators import names_for_rules

YEAR = timedelta(days=365)
MOST_BARS = 5_000
"""Of one timeframe: some five pages of history from the broker. Shorter bars reach less far."""

Side = Literal["long", "short", "both"]


@dataclass(frozen=True, kw_only=True)
class Firing:
    """A bar with whose close a rule held; `is_first` where it did not hold one bar earlier."""

    row: int
    """Of the bar, among those judged."""
    closed_at: datetime
    close: float
    side: Side
    """`both` is a conflict, on which nothing is traded."""
    is_first: bool


@dataclass(frozen=True, kw_only=True)
class RuleCheck:
    """`firings` in the order of time; `per_month` counts them, months without any included."""

    symbol: str
    bars: Bars
    """Those that were judged, of the primary timeframe."""
    first_at: datetime
    last_at: datetime
    unknown: int
    """Bars at which no rule could be judged yet, for want of earlier ones."""
    firings: list[Firing]
    per_month: dict[str, int]
    is_cut: bool
    """A year of such bars is more than is asked for at once."""


def check(definition: StrategyDefinition, contract: Contract, tools: Tools) -> RuleCheck:
    """
    Over the bars of a year, or the last `MOST_BARS` of them.

    Raises `InvalidInput` for a strategy without rules, and what market data raises.
    """
    if not definition.signal.has_rules:
        raise InvalidInput(
            "There is no rule to check: write one for buying or for selling short.",
            field="signal.long_when",
        )
    as_of = tools.clock.now()
    expected = {chart.timeframe: _expected(chart, contract, as_of) for chart in definition.charts}
    bars = {
        chart.timeframe: _bars(chart, min(expected[chart.timeframe], MOST_BARS), contract, tools)
        for chart in definition.charts
    }
    timeframe = definition.charts[0].timeframe
    found = judge(definition, bars, contract.calendar)
    start = max(
        int(np.searchsorted(found.closes_ms, to_ms(as_of - YEAR))), len(found.closes_ms) - MOST_BARS
    )
    return _report(contract.symbol, bars[timeframe], found, start, max(expected.values()))


@dataclass(frozen=True, kw_only=True)
class Judged:
    """For each bar of the primary timeframe when it closed, and what the rules said then."""

    closes_ms: IntArray
    long: FloatArray
    """1 where the rule holds, 0 where it does not, NaN where that is not known."""
    short: FloatArray


def judge(definition: StrategyDefinition, bars: Mapping[Timeframe, Bars], calendar: str) -> Judged:
    """All bars at once: no value of one depends on a later one, so that each is as it was then."""
    series = {
        chart.timeframe: compute(bars[chart.timeframe], chart.indicators)
        for chart in definition.charts
    }
    primary = definition.charts[0].timeframe
    names = names_for_rules(primary, bars, series, calendar)
    long, short = (
        np.zeros(len(bars[primary])) if rule is None else rule.verdicts(names)
        for rule in definition.signal.rules(names)
    )
    hours = calendars.calendar(calendar)
    closes = bar_close_ms(hours, primary, bars[primary].time)
    return Judged(closes_ms=closes, long=long, short=short)


def _bars(chart: ChartSettings, count: int, contract: Contract, tools: Tools) -> Bars:
    """With as many before them as a step sees, so that the first is judged like the others."""
    before = chart.bars + warm_up(chart.indicators)
    as_of = tools.clock.now()
    bars = tools.market.bars(contract, chart.timeframe, count + before, as_of).bars
    if not len(bars):
        raise OutsideError(
            f"The broker has no {chart.timeframe} bars of {contract.symbol}. Check the market data"
            " permissions of the account, or choose another timeframe.",
            code="no_data",
        )
    return bars


def _expected(chart: ChartSettings, contract: Contract, as_of: datetime) -> int:
    calendar = calendars.calendar(contract.calendar)
    return len(expected_starts(calendar, chart.timeframe, as_of - YEAR, as_of))


def _report(symbol: str, bars: Bars, found: Judged, start: int, expected: int) -> RuleCheck:
    """About the bars from row `start` on."""
    long, short = found.long[start:] == 1, found.short[start:] == 1
    closes, shown = found.closes_ms[start:], bars[start:]
    holds = long | short
    began = holds & ~np.concatenate(([False], holds[:-1]))
    firings = [
        Firing(
            row=int(row),
            closed_at=from_ms(int(closes[row])),
            close=float(shown.close[row]),
            side="both" if long[row] and short[row] else "long" if long[row] else "short",
            is_first=bool(began[row]),
        )
        for row in np.flatnonzero(holds)
    ]
    is_unknown = ~holds & (np.isnan(found.long[start:]) | np.isnan(found.short[start:]))
    return RuleCheck(
        symbol=symbol,
        bars=shown,
        first_at=from_ms(int(closes[0])),
        last_at=from_ms(int(closes[-1])),
        unknown=int(is_unknown.sum()),
        firings=firings,
        per_month=_per_month(firings, from_ms(int(closes[0])), from_ms(int(closes[-1]))),
        is_cut=expected > MOST_BARS,
    )


def _per_month(firings: list[Firing], first: datetime, last: datetime) -> dict[str, int]:
    counted = Counter(f"{firing.closed_at:%Y-%m}" for firing in firings)
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    names = [f"{month // 12}-{month % 12 + 1:02}" for month in months]
    return {name: counted[name] for name in names}
