"""Real prices, and one browser for all tests of this room."""

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest
from bokeh_sampledata.stocks import AAPL

from backend.charts import ChartInput, Level, Renderer, Series
from backend.core.clock import to_ms
from backend.core.values import Bars, FloatArray, Timeframe


@pytest.fixture(scope="session")
def bars() -> Bars:
    """Apple's last 300 days of the sample, daily, as traded."""
    rows = slice(-300, None)
    days = [
        datetime.fromisoformat(day).replace(hour=14, minute=30, tzinfo=UTC)
        for day in AAPL["date"][rows]
    ]
    columns = {
        name: np.array(AAPL[name][rows], dtype=np.float64)
        for name in ("open", "high", "low", "close", "volume")
    }
    return Bars(timeframe=Timeframe.DAY, time=np.array([to_ms(day) for day in days]), **columns)


def moving(bars: Bars, period: int) -> FloatArray:
    values = np.full(len(bars), np.nan)
    values[period - 1 :] = np.convolve(bars.close, np.ones(period) / period, "valid")
    return values


@pytest.fixture(scope="session")
def chart(bars: Bars) -> ChartInput:
    """Every kind of series and level at once; the numbers behind them do not matter here."""
    mean = moving(bars, 20)
    direction = np.where(bars.close > mean, 1.0, -1.0)
    wave = bars.close - mean
    return ChartInput(
        symbol="AAPL",
        bars=bars,
        as_of=datetime(2013, 3, 1, 21, tzinfo=UTC),
        is_simulated=True,
        timezone="America/New_York",
        visible=200,
        series=(
            Series(label="sma_20", title="SMA 20", group="sma_20", values=mean, is_overlay=True),
            Series(label="band", title="Bollinger 20, 2", group="band",
                   values=mean, is_overlay=True),
            Series(label="band_upper", title="Bollinger 20, 2 upper", group="band",
                   values=mean * 1.05, style="upper", is_overlay=True),
            Series(label="band_lower", title="Bollinger 20, 2 lower", group="band",
                   values=mean * 0.95, style="lower", is_overlay=True),
            Series(label="turn", title="SuperTrend 10, 3", group="turn",
                   values=mean - 20 * direction, is_overlay=True),
            Series(label="turn_direction", title="SuperTrend 10, 3 direction", group="turn",
                   values=direction, style="direction", is_overlay=True),
            Series(label="rsi_14", title="RSI 14", group="rsi_14",
                   values=50 + wave / 4, levels=(30.0, 70.0)),
            Series(label="macd", title="MACD 12, 26, 9", group="macd", values=wave, levels=(0.0,)),
            Series(label="macd_histogram", title="MACD 12, 26, 9 histogram", group="macd",
                   values=wave / 3, style="histogram", levels=(0.0,)),
        ),
        levels=(
            Level(kind="entry", price=431.0),
            Level(kind="stop", price=408.0),
            Level(kind="target", price=470.0, label="Target 1"),
            Level(kind="target", price=5_000.0, label="Target 2"),
            Level(kind="support", price=430.0),
            Level(kind="resistance", price=432.0),
        ),
    )  # fmt: skip


@pytest.fixture(scope="session")
def renderer() -> Iterator[Renderer]:
    renderer = Renderer()
    yield renderer
    renderer.close()
