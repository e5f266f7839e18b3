from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import plotly.graph_objects as go
import pytest

from backend.charts import ChartInput, Level, Series, figure, figure_json
from backend.charts.labels import TAG_HEIGHT
from backend.charts.panes import PLOT_HEIGHT
from backend.core.clock import to_ms
from backend.core.errors import InvalidInput
from backend.core.values import Bars, Timeframe


def texts(drawn: dict[str, Any]) -> str:
    return " | ".join(note["text"] for note in drawn["layout"]["annotations"])


def trace(drawn: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [item for item in drawn["data"] if item["name"] == name]
    return dict(found)


def bare(bars: Bars, **changes: Any) -> ChartInput:
    return ChartInput(
        symbol="AAPL", bars=bars, as_of=datetime(2013, 3, 1, 21, tzinfo=UTC), is_simulated=False,
        **changes,
    )  # fmt: skip


def test_plotly_accepts_every_property_of_the_figure(chart: ChartInput) -> None:
    go.Figure(figure(chart))  # raises for a property or a value that it does not know


def test_the_same_input_gives_the_same_bytes_in_plain_json(chart: ChartInput) -> None:
    first, second = figure_json(figure(chart)), figure_json(figure(chart))
    assert first == second
    assert b"bdata" not in first
    assert b"NaN" not in first
    assert orjson.loads(first) == figure(chart)


def test_making_a_figure_leaves_its_input_as_it_was(chart: ChartInput, bars: Bars) -> None:
    before = bars.close.tobytes()
    figure(chart)
    assert bars.close.tobytes() == before


def test_only_the_visible_bars_are_drawn_and_each_has_a_place_of_its_own(chart: ChartInput) -> None:
    drawn = figure(chart)
    assert {len(item.get("y", item.get("close"))) for item in drawn["data"]} == {200}
    names = drawn["layout"]["xaxis"]["categoryarray"]
    assert len(set(names)) == 200
    assert drawn["layout"]["xaxis"]["type"] == "category"
    assert names[-1] == "Fri 01 Mar 2013"


def test_candles_carry_the_prices_of_the_bars(chart: ChartInput, bars: Bars) -> None:
    candles = trace(figure(chart), "Price")
    np.testing.assert_allclose(candles["close"], bars.close[-200:], rtol=1e-6)
    np.testing.assert_allclose(candles["low"], bars.low[-200:], rtol=1e-6)


def test_the_heading_says_symbol_timeframe_moment_and_that_prices_are_simulated(
    chart: ChartInput,
) -> None:
    said = texts(figure(chart))
    assert "AAPL" in said
    assert "Daily" in said
    assert "01 Mar 2013 16:00 EST" in said
    assert "SIMULATED" in said
    assert "SIMULATED" not in texts(figure(replace(chart, is_simulated=False)))


def test_each_other_group_has_a_pane_of_its_own_below_the_volume(chart: ChartInput) -> None:
    drawn = figure(chart)
    panes = [drawn["layout"][key]["domain"] for key in ("yaxis", "yaxis2", "yaxis3", "yaxis4")]
    assert "yaxis5" not in drawn["layout"]
    assert trace(drawn, "RSI 14")["yaxis"] == "y3"
    assert trace(drawn, "MACD 12, 26, 9 histogram")["type"] == "bar"
    for above, below in pairwise(panes):
        assert below[1] < above[0]
    assert panes[-1][0] == pytest.approx(0, abs=1e-4)


def test_supertrend_is_one_line_per_side_and_they_never_overlap(chart: ChartInput) -> None:
    drawn = figure(chart)
    up, down = trace(drawn, "SuperTrend 10, 3 up"), trace(drawn, "SuperTrend 10, 3 down")
    assert up["line"]["color"] != down["line"]["color"]
    sides = [(a is None, b is None) for a, b in zip(up["y"], down["y"], strict=True)]
    assert (False, False) not in sides
    assert {(True, False), (False, True)} <= set(sides)


def test_a_bollinger_band_is_filled_down_from_its_upper_edge(chart: ChartInput) -> None:
    names = [item["name"] for item in figure(chart)["data"]]
    lower = names.index("Bollinger 20, 2 lower")
    assert names[lower - 1] == "Bollinger 20, 2 upper"
    assert figure(chart)["data"][lower]["fill"] == "tonexty"


def test_levels_near_the_price_are_lines_and_far_ones_only_tags(chart: ChartInput) -> None:
    drawn = figure(chart)
    heights = {shape["y0"] for shape in drawn["layout"]["shapes"] if shape["yref"] == "y"}
    assert {431.0, 408.0, 470.0, 430.0, 432.0} <= heights
    assert 5_000.0 not in heights
    assert "Target 2 5,000.00 ↑" in texts(drawn)
    assert drawn["layout"]["yaxis"]["range"][1] < 1_000


def test_tags_of_levels_never_cover_each_other(chart: ChartInput) -> None:
    crowd = tuple(Level(kind="support", price=430 + step / 10) for step in range(12))
    drawn = figure(replace(chart, levels=crowd))
    tags = [note for note in drawn["layout"]["annotations"] if "bgcolor" in note]
    heights = sorted(note["y"] * PLOT_HEIGHT for note in tags)
    assert len(heights) == 13
    assert min(np.diff(heights)) >= TAG_HEIGHT - 0.1


def test_text_from_outside_cannot_become_markup(chart: ChartInput) -> None:
    said = texts(figure(replace(chart, symbol="<a href='x'>X</a>")))
    assert "<a href" not in said


def test_intraday_times_are_the_exchanges_own_and_stay_apart_when_clocks_go_back() -> None:
    begin = datetime(2026, 11, 1, 4, 30, tzinfo=UTC)
    times = [to_ms(begin + timedelta(minutes=30 * step)) for step in range(8)]
    flat = np.full(8, 10.0)
    bars = Bars(
        timeframe=Timeframe.MIN_30, time=np.array(times), open=flat, high=flat, low=flat,
        close=flat, volume=flat,
    )  # fmt: skip
    names = figure(bare(bars, timezone="America/New_York"))["layout"]["xaxis"]["categoryarray"]
    assert names[0] == "Sun 01 Nov 2026 00:30"
    assert len(set(names)) == 8


def test_a_day_stamped_midnight_utc_keeps_its_date_in_new_york(bars: Bars) -> None:
    day = datetime(2026, 11, 20, tzinfo=UTC)
    bars = replace(bars[-1:], time=np.array([to_ms(day)]))
    names = figure(bare(bars, timezone="America/New_York"))["layout"]["xaxis"]["categoryarray"]
    assert names == ["Fri 20 Nov 2026"]


@pytest.mark.parametrize("count", [1, 2, 3, 30])
def test_few_bars_make_a_chart_too(count: int, bars: Bars) -> None:
    drawn = figure(bare(bars[-count:]))
    go.Figure(drawn)
    assert len(drawn["data"]) == 2


def test_an_unmoving_price_has_a_range_around_it(bars: Bars) -> None:
    flat = np.full(5, 12.5)
    still = replace(bars[-5:], open=flat, high=flat, low=flat, close=flat, volume=flat * 0)
    low, high = figure(bare(still))["layout"]["yaxis"]["range"]
    assert low < 12.5 < high


def test_a_chart_without_bars_or_with_a_short_series_is_refused(bars: Bars) -> None:
    with pytest.raises(InvalidInput) as caught:
        bare(bars[:0])
    assert caught.value.code == "too_few_bars"
    with pytest.raises(InvalidInput, match="'sma_20' has 9 values for 10 bars"):
        bare(
            bars[:10],
            series=(Series(label="sma_20", title="SMA 20", group="s", values=np.zeros(9)),),
        )
