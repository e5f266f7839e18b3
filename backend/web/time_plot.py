"""Values over time as the points of an SVG drawing, with round numbers at its side."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WIDTH = 760.0
NARROW = 380.0
"""For a phone, on which the letters of a wide drawing would be too small."""
LEFT = 74.0
RIGHT = 8.0
TOP = 8.0
BOTTOM = 20.0

Moments = Sequence[tuple[datetime, float]]


@dataclass(frozen=True, kw_only=True)
class TimePlot:
    width: float
    height: float
    line: str
    """The points of the line."""
    area: str
    """The line closed down, or up, to its base."""
    y_labels: Sequence[tuple[float, str]]
    x_labels: Sequence[tuple[float, str]]
    base: float
    """Where the base lies, from the top."""
    last: tuple[float, float]


def time_plot(
    points: Moments,
    *,
    words: Callable[[float], str],
    height: float = 190.0,
    width: float = WIDTH,
    base: float | None = None,
) -> TimePlot | None:
    """
    None below two points. `words` says a value; with a `base` it is always in the picture and the
    area ends there, else at the lower edge.
    """
    if len(points) < 2:
        return None
    values = [value for _, value in points] + ([] if base is None else [base])
    marks = round_marks(min(values), max(values))
    low, high = min(marks[0], min(values)), max(marks[-1], max(values))
    first, span = points[0][0], points[-1][0] - points[0][0]

    def x(moment: datetime) -> float:
        share = (moment - first) / span if span else 1.0
        return round(LEFT + share * (width - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        share = (high - value) / ((high - low) or 1)
        return round(TOP + share * (height - TOP - BOTTOM), 1)

    places = [(x(moment), y(value)) for moment, value in points]
    line = " ".join(f"{across},{down}" for across, down in places)
    foot = y(base if base is not None else low)
    return TimePlot(
        width=width,
        height=height,
        line=line,
        area=f"{places[0][0]},{foot} {line} {places[-1][0]},{foot}",
        y_labels=[(y(mark), words(mark)) for mark in marks],
        x_labels=[
            (x(moment), said) for moment, said in _dates(first, span, 5 if width > 500 else 3)
        ],
        base=foot,
        last=places[-1],
    )


def round_marks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers around these values, evenly apart: by 1, 2 or 5 times a power of ten."""
    span = (high - low) or abs(high) * 0.01 or 1.0
    rough = span / about
    power: float = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, last + 1)]


def _dates(first: datetime, span: timedelta, count: int) -> list[tuple[datetime, str]]:
    """Moments evenly apart and their names, as fine as the whole needs."""
    styles = ((2, "%H:%M"), (5, "%d %b %H:%M"), (300, "%d %b"))
    style = next((style for days, style in styles if span < timedelta(days=days)), "%b %Y")
    return [
        (moment, moment.strftime(style))
        for moment in (first + span * part / 4 for part in range(5))
    ]
