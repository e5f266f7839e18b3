"""Whether bars are fit to decide on: what is wrong with them, and which limits that breaks."""

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from backend.core.clock import from_ms, to_ms
from backend.core.values import Bars, IntArray, Timeframe
from backend.exchange import defects
from backend.exchange.calendars import Calendar
from backend.exchange.defects import Outlier, SuspectedSplit
from backend.exchange.sessions import bar_close_ms

_EXAMPLES = 5


class QualityLimits(BaseModel):
    """What a strategy bears, as fractions; impossible prices and future bars it never does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_bars: int = Field(30, ge=1, le=10_000, description="Fewest bars to decide on.")
    max_missing_fraction: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Bars that may be missing among those that the calendar expects; 0.02 is 2 %.",
    )
    max_stale_sessions: int = Field(
        0, ge=0, le=30, description="Whole sessions that the last bar may lag behind."
    )
    max_stale_bars: int = Field(
        2, ge=0, le=1_000, description="Bars that should have closed since the last one, at most."
    )
    max_outlier_move: float = Field(
        0.5,
        gt=0,
        le=10,
        description="Largest move from close to close that passes for real; 0.5 is 50 %.",
    )
    max_suspected_splits: int = Field(
        0, ge=0, le=100, description="Jumps that look like splits nobody adjusted for, at most."
    )


class Breach(BaseModel):
    code: str
    sentence: str


class QualityReport(BaseModel):
    """
    What `check` found; lists hold the first few examples, the numbers count all.

    `score` is the share of bars, found or due, without any defect: 1 is flawless.
    """

    version: int = 1
    timeframe: Timeframe
    calendar: str
    moment: datetime
    bars: int
    first_start: datetime | None
    last_start: datetime | None
    last_close: datetime | None
    is_closed_by_moment: bool
    """The as-of proof: no bar closes after the moment."""
    expected: int
    missing: int
    missing_fraction: float
    first_missing: list[datetime]
    duplicates: int
    out_of_order: int
    bad_prices: int
    first_bad: list[datetime]
    zero_volume: int
    outliers: int
    largest_outliers: list[Outlier]
    suspected_splits: list[SuspectedSplit]
    stale_bars: int
    stale_sessions: int
    score: float
    breaches: list[Breach]


def check(
    bars: Bars, calendar: Calendar, moment: datetime, limits: QualityLimits | None = None
) -> QualityReport:
    """Judge bars as a decision at `moment` sees them; never raises for bad bars."""
    closes = bar_close_ms(calendar, bars.timeframe, bars.time)
    bad = defects.bad_rows(bars)
    missing, expected = defects.missing_starts(bars, calendar, closes)
    stale_bars, stale_sessions = defects.lag(bars, calendar, closes, moment)
    outliers = defects.outliers(bars, bad)
    report = QualityReport(
        timeframe=bars.timeframe,
        calendar=calendar.code,
        moment=moment,
        bars=len(bars),
        first_start=from_ms(int(bars.time.min())) if len(bars) else None,
        last_start=from_ms(int(bars.time.max())) if len(bars) else None,
        last_close=from_ms(int(closes.max())) if len(bars) else None,
        is_closed_by_moment=bool(np.all(closes <= to_ms(moment))),
        expected=expected,
        missing=len(missing),
        missing_fraction=len(missing) / expected if expected else 0.0,
        first_missing=_moments(missing),
        duplicates=len(closes) - len(np.unique(closes)),
        out_of_order=int(np.sum(np.diff(bars.time) < 0)),
        bad_prices=int(bad.sum()),
        first_bad=_moments(bars.time[bad]),
        zero_volume=int(np.sum(bars.volume == 0)),
        outliers=len(outliers),
        largest_outliers=sorted(outliers, key=lambda item: -abs(item.move))[:_EXAMPLES],
        suspected_splits=defects.suspected_splits(bars, bad),
        stale_bars=stale_bars,
        stale_sessions=stale_sessions,
        score=0.0,
        breaches=[],
    )
    report.score = _score(report)
    report.breaches = list(_breaches(report, limits or QualityLimits()))
    return report


def _moments(times: IntArray) -> list[datetime]:
    return [from_ms(int(time)) for time in times[:_EXAMPLES]]


def _score(report: QualityReport) -> float:
    wrong = report.duplicates + report.out_of_order + report.bad_prices
    wrong += report.outliers + len(report.suspected_splits)
    absent = report.missing + report.stale_bars
    return max(0.0, 1 - (wrong + absent) / (report.bars + absent)) if report.bars else 0.0


def _breaches(report: QualityReport, limits: QualityLimits) -> Iterator[Breach]:
    yield from _breaches_of_shape(report, limits)
    yield from _breaches_of_prices(report, limits)
    yield from _breaches_of_time(report, limits)


def _breaches_of_shape(report: QualityReport, limits: QualityLimits) -> Iterator[Breach]:
    if report.bars < limits.min_bars:
        yield Breach(
            code="too_few_bars",
            sentence=f"There are {report.bars} bars, fewer than the {limits.min_bars} asked for.",
        )
    if report.missing_fraction > limits.max_missing_fraction:
        yield Breach(
            code="gaps",
            sentence=f"{report.missing} of {report.expected} bars are missing, the first at"
            f" {report.first_missing[0]:%Y-%m-%d %H:%M} UTC; at most"
            f" {limits.max_missing_fraction:.1%} may be.",
        )
    if report.duplicates:
        yield Breach(
            code="duplicates", sentence=f"{report.duplicates} bars stand for a time already taken."
        )
    if report.out_of_order:
        yield Breach(
            code="out_of_order", sentence=f"{report.out_of_order} bars start before the bar ahead."
        )


def _breaches_of_prices(report: QualityReport, limits: QualityLimits) -> Iterator[Breach]:
    if report.bad_prices:
        yield Breach(
            code="bad_prices",
            sentence=f"{report.bad_prices} bars have impossible prices or volumes, the first at"
            f" {report.first_bad[0]:%Y-%m-%d %H:%M} UTC.",
        )
    worst = report.largest_outliers[0] if report.largest_outliers else None
    if worst is not None and abs(worst.move) > limits.max_outlier_move:
        yield Breach(
            code="outliers",
            sentence=f"The close moved by {worst.move:+.0%} in the bar of"
            f" {worst.start:%Y-%m-%d %H:%M} UTC, more than the {limits.max_outlier_move:.0%}"
            " that passes for real.",
        )
    if len(report.suspected_splits) > limits.max_suspected_splits:
        split = report.suspected_splits[0]
        yield Breach(
            code="split_suspected",
            sentence=f"The price jumped by a factor of {1 / split.ratio:.3g} before the bar of"
            f" {split.start:%Y-%m-%d %H:%M} UTC at an ordinary turnover, which looks like a split"
            " that was not adjusted for.",
        )


def _breaches_of_time(report: QualityReport, limits: QualityLimits) -> Iterator[Breach]:
    is_stale = report.stale_sessions > limits.max_stale_sessions
    if report.last_close and (is_stale or report.stale_bars > limits.max_stale_bars):
        yield Breach(
            code="stale",
            sentence=f"The last bar closed at {report.last_close:%Y-%m-%d %H:%M} UTC;"
            f" {report.stale_bars} more bars over {report.stale_sessions} whole sessions should"
            " have closed since.",
        )
    if not report.is_closed_by_moment:
        yield Breach(
            code="future_bar",
            sentence=f"The last bar closes at {report.last_close:%Y-%m-%d %H:%M} UTC, after the"
            f" decision's moment {report.moment:%Y-%m-%d %H:%M} UTC.",
        )
