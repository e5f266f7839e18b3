"""The time axis below all panes, and a value axis with its range for each of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from backend.charts import theme, times
from backend.charts.base import Level, Series
from backend.charts.numbers import span
from backend.charts.panes import Pane
from backend.core.values import Bars, FloatArray

Bounds = tuple[float, float]

LEVEL_REACH = 0.35
"""What is farther from the candles than this share of their range gets no room of its own."""
LEGEND_PIXELS = 22
"""Kept free at the top of a pane for its legend."""


def of_time(bars: Bars, timezone: str, lowest: Pane) -> dict[str, Any]:
    """One category per bar: no gaps for nights and weekends, and no slower than dates."""
    rows, words = times.ticks(bars, timezone)
    margin = max(1.0, len(bars) * 0.01)
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": times.names(bars, timezone),
        "anchor": lowest.axis,
        "range": [-margin, len(bars) - 1 + margin],
        "tickmode": "array",
        "tickvals": rows,
        "ticktext": words,
        "tickangle": 0,
        "showgrid": True,
        "gridcolor": theme.RULE,
        "zeroline": False,
        "rangeslider": {"visible": False},
    }


def of_values(pane: Pane, bounds: Bounds) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "domain": [pane.bottom, pane.top],
        "range": list(bounds),
        "anchor": "x",
        "side": "right",
        "showgrid": True,
        "gridcolor": theme.RULE,
        "zeroline": False,
        "nticks": max(3, round(pane.pixels / 34)),
        "tickfont": {"size": 11.5},
        "ticklabelposition": "outside right",
    }
    levels = pane.series[0].levels if pane.series else ()
    if len(levels) > 1:
        axis |= {"tickmode": "array", "tickvals": list(levels), "showgrid": False}
    return axis


def price_bounds(bars: Bars, overlays: Sequence[Series], levels: Sequence[Level]) -> Bounds:
    """Room for candles and overlays, and for the levels that are near."""
    low, high = span([bars.low, bars.high])
    reach = (high - low or abs(high) or 1.0) * LEVEL_REACH
    others = [item.values for item in overlays if item.style != "direction"]
    others.append(np.array([level.price for level in levels]))
    near = [_within(values, low - reach, high + reach) for values in others]
    low, high = span([bars.low, bars.high, *near])
    room = high - low or abs(high) * 0.02 or 1.0
    return _rounded(low - room * 0.04, high + room * 0.04)


def pane_bounds(pane: Pane) -> Bounds:
    """Room for the series and for their levels, and for the legend above both."""
    shown = [item.values for item in pane.series if item.style != "direction"]
    low, high = span([*shown, np.array(pane.series[0].levels)])
    room = high - low or abs(high) * 0.02 or 1.0
    head = room * LEGEND_PIXELS / (pane.pixels - LEGEND_PIXELS)
    return _rounded(low - room * 0.06, high + head)


def volume_bounds(bars: Bars, pane: Pane) -> Bounds:
    _, high = span([bars.volume])
    return _rounded(0.0, (high or 1.0) * pane.pixels / (pane.pixels - LEGEND_PIXELS))


def _within(values: FloatArray, low: float, high: float) -> FloatArray:
    return values[(values >= low) & (values <= high)]


def _rounded(low: float, high: float) -> Bounds:
    return round(float(low), 8), round(float(high), 8)
