"""
Volume-weighted average price of the typical price, (high + low + close) / 3.

Intraday it starts anew with each session, as TA-Lib's VWAP does with each array (its source:
Berkowitz, Logue and Noser, "The Total Cost of Transactions on the NYSE", Journal of Finance,
1988). Bars of a day or longer have no session to anchor to: there it rolls over `period` bars,
which is TA-Lib's VWMA of its TYPPRICE.
"""

from collections.abc import Mapping

import numpy as np
import talib

from backend.core.values import Bars, FloatArray, IntArray
from backend.indicators.base import Indicator, indicators

LONGEST_PAUSE_MS = 3 * 3_600_000
"""Longer than any exchange's lunch break, shorter than any night between two sessions."""


def _compute(bars: Bars, *, period: int) -> Mapping[str, FloatArray]:
    if bars.timeframe.is_intraday:
        return {"vwap": _by_session(bars)}
    typical = talib.TYPPRICE(bars.high, bars.low, bars.close)
    values = talib.VWMA(typical, bars.volume, period)
    # Without a single trade in the period there is no average price.
    return {"vwap": np.where(np.isfinite(values), values, np.nan)}


def _by_session(bars: Bars) -> FloatArray:
    pieces = [_of_session(part) for part in _sessions(bars)]
    return np.concatenate(pieces) if pieces else np.empty(0)


def _of_session(part: Bars) -> FloatArray:
    """TA-Lib says 0 before the first trade, where there is no average price yet."""
    values = talib.VWAP(part.high, part.low, part.close, part.volume)
    return np.where(np.cumsum(part.volume) > 0, values, np.nan)


def _sessions(bars: Bars) -> list[Bars]:
    starts = _session_starts(bars.time, bars.timeframe.seconds * 1_000)
    ends = [*starts[1:], len(bars)]
    return [bars[start:end] for start, end in zip(starts, ends, strict=True)]


def _session_starts(time: IntArray, bar_ms: int) -> list[int]:
    """Rows that begin a session. Bars do not know their exchange; their pauses tell."""
    pauses = np.diff(time) - bar_ms
    return [0, *(np.flatnonzero(pauses > LONGEST_PAUSE_MS) + 1).tolist()] if len(time) else []


def _warm_up(*, period: int) -> int:
    """Of the rolling form; the session's own has a value from its first bar."""
    return period - 1


indicators.register("vwap")(
    Indicator(
        name="vwap",
        title="VWAP",
        description="Volume-weighted average price of the last bars.",
        parameters={"period": 20},
        outputs=("vwap",),
        is_overlay=True,
        compute=_compute,
        warm_up=_warm_up,
    )
)
