"""What is written on a chart: the heading, each pane's legend, and tags in the right margin."""

from collections.abc import Sequence
from typing import Any

from backend.charts import theme, times
from backend.charts.base import ChartInput, Level, Series
from backend.charts.numbers import last, price, short
from backend.charts.panes import PLOT_HEIGHT, RIGHT, Pane
from backend.core.values import Bars, Timeframe

Note = dict[str, Any]

TAG_HEIGHT = 19
"""Pixels between two tags, so that none covers another."""

TIMEFRAMES = {
    Timeframe.DAY: "Daily",
    Timeframe.WEEK: "Weekly",
    Timeframe.MONTH: "Monthly",
}


def heading(chart: ChartInput, bars: Bars) -> list[Note]:
    timeframe = TIMEFRAMES.get(bars.timeframe, bars.timeframe.value)
    title = f"<b>{_safe(chart.symbol)}</b>  <span style='font-size:17px'>{timeframe}</span>"
    notes = [_note(title, y=1, yshift=84, size=24)]
    told = f"As of {times.as_of(chart.as_of, chart.timezone)}  ·  last {len(bars)} bars"
    notes.append(
        _note(told, x=1, y=1, yshift=77, xshift=RIGHT - 14, xanchor="right", size=13) | _muted()
    )
    if chart.is_simulated:
        notes.append(_note("<b>SIMULATED</b>  prices are not real", y=1, yshift=80, x=0.5, size=15))
        notes[-1] |= {
            "font": {"size": 15, "color": theme.WARNING},
            "xanchor": "center",
            "bordercolor": theme.WARNING,
            "borderwidth": 1,
            "borderpad": 4,
        }
    return notes


def prices_line(bars: Bars) -> Note:
    """Open, high, low, close of the last bar and its change, above the candles."""
    change = bars.close[-1] / bars.close[-2] - 1 if len(bars) > 1 else 0.0
    color = theme.UP if change >= 0 else theme.DOWN
    values = "  ".join(
        f"{letter} {price(float(column[-1]))}"
        for letter, column in zip("OHLC", (bars.open, bars.high, bars.low, bars.close), strict=True)
    )
    text = f"{values}  <span style='color:{color}'><b>{change:+.2%}</b></span>"
    return _note(text, y=1, yshift=50, size=13.5)


def legend(pane: Pane, colors: Sequence[str]) -> Note | None:
    """Each indicator in its own colour with its last values, at the top left of its pane."""
    words = [
        f"<span style='color:{_legend_color(item, color, pane)}'>{_safe(_short_title(item, pane))}"
        f" <b>{short(last(item.values))}</b></span>"
        for item, color in zip(pane.series, colors, strict=True)
        if item.style != "direction"
    ]
    if not words:
        return None
    text = "    ".join(words)
    if pane.axis == "y":
        return _note(text, y=1, yshift=26, size=12.5)
    return _note(text, y=pane.top, yshift=-1, size=12.5)


def _short_title(item: Series, pane: Pane) -> str:
    """The indicator's name stands once: `MACD 12, 26, 9`, then `signal`."""
    main = next(other.title for other in pane.series if other.group == item.group)
    return item.title.removeprefix(main).strip() or main


def volume_legend(pane: Pane, bars: Bars) -> Note:
    text = f"Volume <b>{short(float(bars.volume[-1]))}</b>"
    return _note(text, y=pane.top, yshift=-1, size=12.5) | _muted()


def _legend_color(item: Series, color: str, pane: Pane) -> str:
    for other in pane.series:
        if other.group == item.group and other.style == "direction":
            return theme.UP if last(other.values) > 0 else theme.DOWN
    return color


def tags(
    levels: Sequence[Level], bars: Bars, pane: Pane, bounds: tuple[float, float]
) -> list[Note]:
    """A tag for each level and the last close, pushed apart where they would overlap."""
    is_up = bars.close[-1] >= bars.open[-1]
    close = float(bars.close[-1])
    wanted = [(close, price(close), theme.UP if is_up else theme.DOWN)]
    for level in levels:
        name = _safe(level.label or level.kind.capitalize())
        color = theme.LEVELS[level.kind][0]
        wanted.append((level.price, f"{name} {price(level.price)}", color))
    wanted.sort(key=lambda tag: tag[0])
    heights = _spread([_pixel(value, pane, bounds) for value, _, _ in wanted], pane)
    return [
        _tag(_pointed(text, value, bounds), height, color)
        for (value, text, color), height in zip(wanted, heights, strict=True)
    ]


def _pixel(value: float, pane: Pane, bounds: tuple[float, float]) -> float:
    """Pixels above the pane's foot, kept inside the pane."""
    low, high = bounds
    return min(max((value - low) / (high - low), 0), 1) * pane.pixels


def _spread(wanted: list[float], pane: Pane) -> list[float]:
    """Ascending heights at least a tag apart: up from the lowest, then back under the ceiling."""
    heights: list[float] = []
    for height in wanted:
        heights.append(max(height, heights[-1] + TAG_HEIGHT) if heights else height)
    ceiling = pane.pixels
    for row in reversed(range(len(heights))):
        heights[row] = min(heights[row], ceiling)
        ceiling = heights[row] - TAG_HEIGHT
    return [pane.bottom * PLOT_HEIGHT + height for height in heights]


def _pointed(text: str, value: float, bounds: tuple[float, float]) -> str:
    """An arrow for a level that lies outside of what is shown."""
    return f"{text} ↓" if value < bounds[0] else f"{text} ↑" if value > bounds[1] else text


def _tag(text: str, height: float, color: str) -> Note:
    note = _note(text, x=1, y=round(height / PLOT_HEIGHT, 5), xshift=2, size=12)
    return note | {
        "yanchor": "middle",
        "font": {"size": 12, "color": "#ffffff"},
        "bgcolor": color,
        "borderpad": 2,
    }


def _note(
    text: str,
    *,
    y: float,
    x: float = 0,
    size: float,
    xshift: float = 0,
    yshift: float = 0,
    xanchor: str = "left",
) -> Note:
    return {
        "text": text,
        "x": x,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": xanchor,
        "yanchor": "top",
        "xshift": xshift,
        "yshift": yshift,
        "showarrow": False,
        "font": {"size": size},
        "align": "left",
    }


def _muted() -> Note:
    return {"opacity": 0.75}


def _safe(text: str) -> str:
    """Plotly reads HTML in its texts."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
