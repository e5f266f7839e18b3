"""The grammar of history: periods, bars, and which bar goes with which period."""

import re
from dataclasses import dataclass
from datetime import timedelta

from backend.core.values import Timeframe

DEFAULT_PERIOD = "1w"
UNKNOWN_BAR = Timeframe.HOUR_4
"""The real gateway silently takes four hours for a bar that it does not know."""


@dataclass(frozen=True)
class Period:
    """So many units; `d` counts trading days, the others the calendar."""

    count: int
    unit: str

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    @property
    def length(self) -> timedelta:
        return self.count * _UNITS[self.unit]


_UNITS = {
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "m": timedelta(days=30),
    "y": timedelta(days=365),
}
_MOST = {"min": 30, "h": 8, "d": 1000, "w": 792, "m": 182, "y": 15}
_GRAMMAR = re.compile(r"(\d{1,4})(min|h|d|w|m|y)", re.ASCII)

# From the real gateway's table: period, first bar allowed, last bar allowed, default bar.
_STEPS = (
    ("1min", "1min", "30min", "1min"),
    ("1h", "1min", "8h", "1min"),
    ("1d", "1min", "8h", "1min"),
    ("1w", "10min", "1w", "15min"),
    ("1m", "1h", "1m", "30min"),
    ("3m", "2h", "1m", "1d"),
    ("6m", "4h", "1m", "1d"),
    ("1y", "8h", "1m", "1d"),
    ("2y", "1d", "1m", "1d"),
    ("3y", "1d", "1m", "1w"),
    ("15y", "1w", "1m", "1w"),
)


def parse_period(written: str | None) -> Period:
    """A period that is missing, malformed or too long becomes the default: 200, not an error."""
    match = _GRAMMAR.fullmatch(written or "")
    if match:
        count, unit = int(match[1]), match[2]
        if 1 <= count <= _MOST[unit]:
            return Period(count, unit)
    return Period(1, "w")


def choose_bar(written: str | None, period: Period) -> Timeframe:
    """
    The bar that is served: an unknown one becomes four hours, one too fine or too coarse for the
    period the nearest that is allowed; the answer's `barLength` tells.
    """
    shorter = [row for row in _STEPS if parse_period(row[0]).length <= period.length]
    longer = [row for row in _STEPS if parse_period(row[0]).length >= period.length]
    # A period between two of the table's may have what either may.
    first, last = Timeframe(shorter[-1][1]), Timeframe((longer or _STEPS[-1:])[0][2])
    if not written:
        return Timeframe(shorter[-1][3])
    if written not in set(Timeframe):
        return UNKNOWN_BAR
    return min(max(Timeframe(written), first, key=_length), last, key=_length)


def _length(bar: Timeframe) -> int:
    return bar.seconds
