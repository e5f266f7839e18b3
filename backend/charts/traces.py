"""Candles, volume and indicator series as Plotly traces."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backend.charts import theme
from backend.charts.base import Mark, MarkKind, Series
from backend.charts.numbers import plain
from backend.charts.panes import Pane
from backend.core.values import Bars, FloatArray

Trace = dict[str, Any]


def candles(bars: Bars) -> Trace:
    return {
        "type": "candlestick",
        "name": "Price",
        "open": plain(bars.open),
        "high": plain(bars.high),
        "low": plain(bars.low),
        "close": plain(bars.close),
        "increasing": {"line": {"color": theme.UP, "width": 1}, "fillcolor": theme.UP},
        "decreasing": {"line": {"color": theme.DOWN, "width": 1}, "fillcolor": theme.DOWN},
        "whiskerwidth": 0,
        "xaxis": "x",
        "yaxis": "y",
    }


def volume(bars: Bars, pane: Pane) -> Trace:
    colors = np.where(bars.close >= bars.open, theme.UP_SOFT, theme.DOWN_SOFT).tolist()
    return _bars("Volume", bars.volume, colors, pane)


def of_pane(pane: Pane, colors: Sequence[str]) -> list[Trace]:
    """Every drawn series of a pane; `colors` holds one per series."""
    traces = []
    directions = {item.group: item.values for item in pane.series if item.style == "direction"}
    for item, color in zip(pane.series, colors, strict=True):
        if item.style == "direction":
            continue
        if item.style == "histogram":
            traces.append(_bars(item.title, item.values, _momentum(item.values), pane))
        elif item.group in directions and item.style == "line":
            traces.extend(_two_sided(item, directions[item.group], pane))
        else:
            traces.append(_line(item, color, pane))
    return traces


def marks(bars: Bars, names: Sequence[str], decided: Sequence[Mark]) -> list[Trace]:
    """One trace per kind: buyers below their bar, sellers above, the others on its close."""
    drawn = []
    for kind, (symbol, color, place) in _MARKS.items():
        rows = {int(time): row for row, time in enumerate(bars.time)}
        shown = [mark for mark in decided if mark.kind == kind and mark.time in rows]
        if not shown:
            continue
        at = [rows[mark.time] for mark in shown]
        drawn.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"Decided to {kind}",
                "x": [names[row] for row in at],
                "y": plain(place(bars)[at]),
                "text": [mark.text for mark in shown],
                "customdata": [mark.href for mark in shown],
                "hovertemplate": "%{text}<extra></extra>",
                "marker": {"symbol": symbol, "size": 12, "color": color, "line": {"width": 1}},
                "xaxis": "x",
                "yaxis": "y",
            }
        )
    return drawn


def _beside(bars: Bars) -> float:
    """How far from a bar its mark stands."""
    return 0.02 * float(np.max(bars.high) - np.min(bars.low))


_MARKS: dict[MarkKind, tuple[str, str, Callable[[Bars], FloatArray]]] = {
    "buy": ("triangle-up", theme.UP, lambda bars: bars.low - _beside(bars)),
    "sell": ("triangle-down", theme.DOWN, lambda bars: bars.high + _beside(bars)),
    "hold": ("circle-open", theme.MUTED, lambda bars: bars.close),
}


def _line(item: Series, color: str, pane: Pane) -> Trace:
    is_edge = item.style in ("upper", "lower")
    trace = _scatter(item.title, item.values, pane)
    trace["line"] = {"color": color, "width": 1.0 if is_edge else 1.6}
    if item.style == "lower":
        # Fills up to the trace before it, which is the upper band of the same group.
        trace |= {"fill": "tonexty", "fillcolor": theme.BAND_FILL}
    if item.style == "line" and any(other.style == "upper" for other in _group(item, pane)):
        trace["line"] = {"color": color, "width": 1.0, "dash": "dash"}
    return trace


def _group(item: Series, pane: Pane) -> list[Series]:
    return [other for other in pane.series if other.group == item.group]


def _two_sided(item: Series, direction: FloatArray, pane: Pane) -> list[Trace]:
    """One line per side, each with gaps where the other one is."""
    sides = ((direction > 0, theme.UP, "up"), (direction < 0, theme.DOWN, "down"))
    traces = []
    for is_here, color, word in sides:
        trace = _scatter(f"{item.title} {word}", np.where(is_here, item.values, np.nan), pane)
        trace["line"] = {"color": color, "width": 2.2}
        traces.append(trace)
    return traces


def _momentum(values: FloatArray) -> list[str]:
    """Strong while it grows away from zero, faint while it comes back."""
    before = np.concatenate([values[:1], values[:-1]])
    is_growing = np.abs(values) >= np.abs(before)
    up = np.where(is_growing, theme.UP, theme.UP_FAINT)
    down = np.where(is_growing, theme.DOWN, theme.DOWN_FAINT)
    return np.where(values >= 0, up, down).tolist()  # type: ignore[no-any-return]


def _scatter(name: str, values: FloatArray, pane: Pane) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "y": plain(values),
        "connectgaps": False,
        "hovertemplate": "%{y:,.4~f}",
        "xaxis": "x",
        "yaxis": pane.axis,
    }


def _bars(name: str, values: FloatArray, colors: list[str], pane: Pane) -> Trace:
    return {
        "type": "bar",
        "name": name,
        "y": plain(values),
        "marker": {"color": colors, "line": {"width": 0}},
        "hovertemplate": "%{y:,.4~s}",
        "xaxis": "x",
        "yaxis": pane.axis,
    }
