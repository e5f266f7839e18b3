"""Indicators over 500 bars: ours beside direct calls of TA-Lib, interleaved."""

from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import talib
from bokeh_sampledata.stocks import AAPL

from backend import indicators
from backend.core.clock import to_ms
from backend.core.values import Bars, Timeframe

ROUNDS = 1_000
SIX = ("sma_20", "ema_20", "rsi_14", "macd_12_26_9", "bollinger_20_2", "atr_14")


def run() -> list[dict[str, Any]]:
    """Medians in microseconds, and how many times TA-Lib's own; the goal is under 2 times."""
    bars = apple(500)
    six = [indicators.parse(text) for text in SIX]
    supertrend = [indicators.parse("supertrend_10_3")]
    ours, theirs, our_trend, their_trend = interleaved(
        ROUNDS,
        lambda: indicators.compute(bars, six),
        lambda: _talib_six(bars),
        lambda: indicators.compute(bars, supertrend),
        lambda: talib.SUPERTREND(bars.high, bars.low, bars.close, 10, 3.0),
    )
    return [
        _row("six indicators", ours, theirs, goal=2.0),
        _row("SuperTrend, a Python loop beside TA-Lib's C", our_trend, their_trend, goal=None),
    ]


def apple(count: int) -> Bars:
    """Apple's last days of the sample, as traded."""
    days = [datetime.fromisoformat(day).replace(tzinfo=UTC) for day in AAPL["date"][-count:]]
    return Bars(
        timeframe=Timeframe.DAY,
        time=np.array([to_ms(day) for day in days]),
        **{
            name: np.array(AAPL[name][-count:], dtype=np.float64)
            for name in ("open", "high", "low", "close", "volume")
        },
    )


def interleaved(rounds: int, *calls: Callable[[], object]) -> list[float]:
    """The median seconds of each call; they take turns, so that the machine's moods hit all."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, taken in zip(calls, seconds, strict=True):
            begun = perf_counter()
            call()
            taken.append(perf_counter() - begun)
    return [median(taken) for taken in seconds]


def _talib_six(bars: Bars) -> None:
    close = bars.close
    talib.SMA(close, 20)
    talib.EMA(close, 20)
    talib.RSI(close, 14)
    talib.MACD(close, 12, 26, 9)
    talib.BBANDS(close, 20, 2.0, 2.0)
    talib.ATR(bars.high, bars.low, close, 14)


def _row(name: str, ours: float, theirs: float, *, goal: float | None) -> dict[str, Any]:
    return {
        "benchmark": f"{name}, 500 bars",
        "ours_us": round(ours * 1e6, 1),
        "talib_us": round(theirs * 1e6, 1),
        "ratio": round(ours / theirs, 2),
        "goal": goal,
    }
