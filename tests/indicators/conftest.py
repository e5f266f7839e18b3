"""Real prices: Apple, daily, 2000 to 2013, adjusted for splits and dividends."""

from datetime import UTC, datetime

import numpy as np
import pytest
from bokeh_sampledata.stocks import AAPL

from backend.core.clock import to_ms
from backend.core.values import Bars, Timeframe


@pytest.fixture(scope="session")
def apple() -> Bars:
    prices = {name: np.array(AAPL[name], dtype=np.float64) for name in ("open", "high", "low")}
    close = np.array(AAPL["close"], dtype=np.float64)
    factor = np.array(AAPL["adj_close"], dtype=np.float64) / close
    days = [
        datetime.fromisoformat(day).replace(hour=14, minute=30, tzinfo=UTC) for day in AAPL["date"]
    ]
    return Bars(
        timeframe=Timeframe.DAY,
        time=np.array([to_ms(day) for day in days]),
        close=close * factor,
        volume=np.array(AAPL["volume"], dtype=np.float64),
        **{name: values * factor for name, values in prices.items()},
    )
