import numpy as np
import pytest
from bokeh_sampledata import stocks

from backend.papergateway.prices.history import History, built_in

SYMBOLS = ["AAPL", "FB", "GOOG", "IBM", "MSFT"]


def day(symbol: str, iso: str) -> int:
    return int(getattr(stocks, symbol)["date"].index(iso))


@pytest.mark.parametrize(
    ("symbol", "iso"), [("AAPL", "2000-06-21"), ("AAPL", "2005-02-28"), ("MSFT", "2003-02-18")]
)
def test_a_split_is_no_crash_and_its_volume_does_not_jump(symbol: str, iso: str) -> None:
    history, raw, split = built_in(symbol), getattr(stocks, symbol), day(symbol, iso)
    before, after = raw["close"][split - 1], raw["close"][split]

    served = history.close[split] / history.close[split - 1]

    assert served == pytest.approx(2 * after / before, rel=0.005)
    later_splits = history.volume[split] / raw["volume"][split]
    assert history.volume[split - 1] == pytest.approx(
        2 * later_splits * raw["volume"][split - 1], abs=1
    )


def test_a_dividend_leaves_volume_alone() -> None:
    history, paid = built_in("MSFT"), day("MSFT", "2004-11-15")
    raw = stocks.MSFT["volume"]

    assert history.volume[paid - 1 : paid + 1].tolist() == raw[paid - 1 : paid + 1]


def test_a_share_without_splits_and_dividends_stands_as_it_was_traded() -> None:
    history = built_in("GOOG")

    assert np.abs(history.close / 100 - np.array(stocks.GOOG["close"])).max() < 0.0051
    assert history.volume.tolist() == stocks.GOOG["volume"]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_closes_follow_the_adjusted_closes_and_end_as_traded(symbol: str) -> None:
    history, raw = built_in(symbol), getattr(stocks, symbol)
    adjusted = np.array(raw["adj_close"])

    expected = adjusted * raw["close"][-1] / adjusted[-1] * 100

    assert np.abs(history.close - expected).max() <= 0.51
    assert history.close[-1] == round(raw["close"][-1] * 100)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_every_day_stays_inside_its_range(symbol: str) -> None:
    history: History = built_in(symbol)

    assert len(history) == len(getattr(stocks, symbol)["date"])
    assert (history.low >= 1).all()
    assert (history.low <= np.minimum(history.open, history.close)).all()
    assert (history.high >= np.maximum(history.open, history.close)).all()
    assert (history.volume > 0).all()
