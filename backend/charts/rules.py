"""Horizontal lines: the levels of a decision, an oscillator's own, and those between panes."""

from collections.abc import Sequence
from typing import Any

from backend.charts import theme
from backend.charts.axes import Bounds
from backend.charts.base import Level
from backend.charts.panes import GAP, Pane
from backend.core.values import Bars

Shape = dict[str, Any]


def of_levels(levels: Sequence[Level], bars: Bars, bounds: Bounds) -> list[Shape]:
    """A line for each level that is in sight, and a faint one at the last close."""
    close = float(bars.close[-1])
    color = theme.UP if close >= bars.open[-1] else theme.DOWN
    lines = [_rule("y", close, color, width=0.8, dash="dot")]
    for level in levels:
        color, dash = theme.LEVELS[level.kind]
        if bounds[0] <= level.price <= bounds[1]:
            lines.append(_rule("y", level.price, color, width=1.4, dash=dash))
    return lines


def of_oscillators(panes: Sequence[Pane]) -> list[Shape]:
    """Each pane's levels, with the zone between two of them tinted."""
    shapes = []
    for pane in panes:
        levels = pane.series[0].levels
        for level in levels:
            shapes.append(_rule(pane.axis, level, theme.STRONG_RULE, width=1, dash="dot"))
        if len(levels) == 2:
            shapes.append(_zone(pane.axis, min(levels), max(levels)))
    return shapes


def between(panes: Sequence[Pane]) -> list[Shape]:
    heights = [pane.top + GAP / 2 for pane in panes[1:]]
    return [
        _rule("paper", round(height, 5), theme.STRONG_RULE, width=1, dash="solid")
        for height in heights
    ]


def _rule(axis: str, value: float, color: str, *, width: float, dash: str) -> Shape:
    return {
        "type": "line",
        "xref": "paper",
        "yref": axis,
        "x0": 0,
        "x1": 1,
        "y0": value,
        "y1": value,
        "line": {"color": color, "width": width, "dash": dash},
        "layer": "below",
    }


def _zone(axis: str, low: float, high: float) -> Shape:
    return {
        "type": "rect",
        "xref": "paper",
        "yref": axis,
        "x0": 0,
        "x1": 1,
        "y0": low,
        "y1": high,
        "fillcolor": theme.ZONE,
        "line": {"width": 0},
        "layer": "below",
    }
