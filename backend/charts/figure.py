"""One figure: candles, volume, overlays, a pane per oscillator, and the levels of a decision."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson

from backend.charts import axes, labels, rules, theme, traces
from backend.charts.base import HEIGHT, WIDTH, ChartInput
from backend.charts.panes import BOTTOM, LEFT, RIGHT, TOP, Pane, arrange
from backend.core.values import Bars

Colors = dict[str, list[str]]
"""One per series of a pane, by the pane's axis."""


def figure(chart: ChartInput) -> dict[str, Any]:
    """
    A Plotly figure as plain JSON values, `{"data": [...], "layout": {...}}`.

    A pure function. Texts without a colour of their own and half-transparent rules let a dark
    page restyle it with `paper_bgcolor`, `plot_bgcolor` and `font.color` alone.
    """
    bars = chart.bars[-chart.visible :]
    panes = arrange([replace(item, values=item.values[-chart.visible :]) for item in chart.series])
    colors = {pane.axis: _colors(pane) for pane in panes}
    bounds = _bounds(chart, bars, panes)
    time_axis = axes.of_time(bars, chart.timezone, panes[-1])
    names = time_axis["categoryarray"]
    return {
        "data": [
            *_traces(bars, panes, colors, first=names[0]),
            *traces.marks(bars, names, chart.marks),
        ],
        "layout": {
            **_page(),
            "xaxis": time_axis,
            **{pane.layout_key: axes.of_values(pane, bounds[pane.axis]) for pane in panes},
            "shapes": [
                *rules.between(panes),
                *rules.of_oscillators(panes[2:]),
                *rules.of_levels(chart.levels, bars, bounds["y"]),
            ],
            "annotations": _notes(chart, bars, panes, colors, bounds["y"]),
        },
    }


def figure_json(figure: dict[str, Any]) -> bytes:
    """The same bytes for the same figure, with plain arrays that any page can read."""
    return orjson.dumps(figure, option=orjson.OPT_SORT_KEYS)


def _page() -> dict[str, Any]:
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "margin": {"l": LEFT, "r": RIGHT, "t": TOP, "b": BOTTOM},
        "paper_bgcolor": theme.PAPER,
        "plot_bgcolor": theme.PAPER,
        "font": {"family": theme.FONT, "size": 12, "color": theme.INK},
        "showlegend": False,
        "bargap": 0.25,
        "hovermode": "x unified",
        "dragmode": "pan",
    }


def _bounds(chart: ChartInput, bars: Bars, panes: Sequence[Pane]) -> dict[str, axes.Bounds]:
    prices, volume, *oscillators = panes
    return {
        prices.axis: axes.price_bounds(bars, prices.series, chart.levels),
        volume.axis: axes.volume_bounds(bars, volume),
        **{pane.axis: axes.pane_bounds(pane) for pane in oscillators},
    }


def _traces(
    bars: Bars, panes: Sequence[Pane], colors: Colors, *, first: str
) -> list[dict[str, Any]]:
    """Candles come last, so that no line hides them."""
    prices, volume, *oscillators = panes
    drawn = [traces.volume(bars, volume)]
    for pane in (*oscillators, prices):
        drawn += traces.of_pane(pane, colors[pane.axis])
    for trace in drawn:
        # Counted from the first category, instead of repeating every time in every trace.
        trace["x0"] = first
    return [*drawn, traces.candles(bars)]


def _colors(pane: Pane) -> list[str]:
    """Bands share one quiet colour; every other series takes the next of the palette."""
    palette = theme.OVERLAYS if pane.axis == "y" else theme.OSCILLATORS
    bands = {item.group for item in pane.series if item.style in ("upper", "lower")}
    colors, used = [], 0
    for item in pane.series:
        if item.group in bands:
            colors.append(theme.BAND)
        elif item.style in ("histogram", "direction"):
            colors.append(theme.MUTED)
        else:
            colors.append(palette[used % len(palette)])
            used += 1
    return colors


def _notes(
    chart: ChartInput, bars: Bars, panes: Sequence[Pane], colors: Colors, bounds: axes.Bounds
) -> list[dict[str, Any]]:
    prices, volume, *_ = panes
    legends = [labels.legend(pane, colors[pane.axis]) for pane in panes]
    return [
        *labels.heading(chart, bars),
        labels.prices_line(bars),
        *(note for note in legends if note),
        labels.volume_legend(volume, bars),
        *labels.tags(chart.levels, bars, prices, bounds),
    ]
