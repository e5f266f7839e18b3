"""Daily history on the dates of the data, in ticks; the five real shares come from here."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from bokeh_sampledata import stocks

from backend.core.values import FloatArray, IntArray

TICKS_PER_UNIT = 100
# No dividend in the data takes more than an eighth of the price; the splits are two for one.
_SMALLEST_SPLIT = 1.25


@dataclass(frozen=True, kw_only=True)
class Rows:
    """
    Intraday rows of a user's file. Those of day `i` are `first[i]` up to `first[i + 1]`.

    `minute` counts from the session's open, `length` is how many minutes a row covers.
    """

    first: IntArray
    minute: IntArray
    open: IntArray
    high: IntArray
    low: IntArray
    close: IntArray
    volume: IntArray
    length: IntArray


@dataclass(frozen=True, kw_only=True)
class History:
    """Days are ascending ordinals; prices are ticks of a cent, volume is in shares."""

    days: IntArray
    open: IntArray
    high: IntArray
    low: IntArray
    close: IntArray
    volume: IntArray
    rows: Rows | None = None

    def __len__(self) -> int:
        return len(self.days)


def built_in(symbol: str) -> History:
    """
    Real days of AAPL, FB, GOOG, IBM or MSFT up to 2013-03-01, from the bokeh-sampledata package.

    Prices carry splits and dividends backwards by `adj_close / close`, so that the last day stands
    as it was traded: a paper account is paid no dividends, and a split is no crash. Volume is
    carried backwards through splits alone, as shares, not money, were exchanged.
    """
    table = getattr(stocks, symbol)
    close = np.array(table["close"])
    factor = np.array(table["adj_close"]) / close
    factor_now = factor / factor[-1]
    volume = np.rint(np.array(table["volume"]) * _shares_after(factor)).astype(np.int64)
    days = np.array([date.fromisoformat(day).toordinal() for day in table["date"]], dtype=np.int64)
    return History(
        days=days,
        open=to_ticks(np.array(table["open"]) * factor_now),
        high=to_ticks(np.array(table["high"]) * factor_now),
        low=to_ticks(np.array(table["low"]) * factor_now),
        close=to_ticks(close * factor_now),
        volume=volume,
    )


def to_ticks(prices: FloatArray) -> IntArray:
    """Nearest cents. Rounding keeps order, so a low never passes an open."""
    return np.rint(prices * TICKS_PER_UNIT).astype(np.int64)


def _shares_after(factor: FloatArray) -> FloatArray:
    """How many of the last day's shares one share of each day has become."""
    jump = factor[1:] / factor[:-1]
    # A half share is the finest ratio that companies use: 3 for 2, 2 for 1.
    split = np.where(jump > _SMALLEST_SPLIT, np.rint(jump * 2) / 2, 1.0)
    return np.append(np.cumprod(split[::-1])[::-1], 1.0)
