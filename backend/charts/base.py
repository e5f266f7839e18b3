"""What a chart is made of: plain numbers and names, so that charts know no indicator."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from backend.core.errors import InvalidInput
from backend.core.values import Bars, FloatArray

Style = Literal["line", "histogram", "upper", "lower", "direction"]
LevelKind = Literal["entry", "stop", "target", "support", "resistance"]
MarkKind = Literal["buy", "sell", "hold"]

WIDTH, HEIGHT = 1_200, 900
"""Pixels of a picture; the layout's proportions and the labels' spacing are made for it."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """
    One indicator series, as long as the bars, NaN where it has no value.

    Series of one `group` are drawn together: `upper` and `lower` as a filled band, and a line is
    coloured by the `direction` (+1, -1) beside it, which is not drawn itself. An overlay lies on
    the candles; every other group has a pane of its own with `levels` as horizontal lines.
    """

    label: str
    title: str
    group: str
    values: FloatArray
    style: Style = "line"
    is_overlay: bool = False
    levels: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Level:
    """A horizontal line at `price`, in contract currency."""

    kind: LevelKind
    price: float
    label: str = ""
    """What the tag says before the price; empty: the kind, such as "Stop"."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A decision on the candles: beside the bar that starts at `time`, UTC milliseconds."""

    kind: MarkKind
    time: int
    text: str
    href: str


@dataclass(frozen=True, kw_only=True)
class ChartInput:
    """
    One symbol in one timeframe. Times are shown in `timezone` (an IANA name), as of `as_of`.

    Only the last `visible` bars are drawn, so that indicators may warm up on earlier ones.
    Raises `InvalidInput` without bars, and for a series that is not as long as the bars.
    """

    symbol: str
    bars: Bars
    as_of: datetime
    is_simulated: bool
    series: tuple[Series, ...] = ()
    levels: tuple[Level, ...] = ()
    marks: tuple[Mark, ...] = ()
    """Those of bars that are not drawn are left out."""
    timezone: str = "UTC"
    visible: int = 500

    def __post_init__(self) -> None:
        if not len(self.bars):
            raise InvalidInput("A chart needs at least one bar.", code="too_few_bars", field="bars")
        for item in self.series:
            if len(item.values) != len(self.bars):
                raise InvalidInput(
                    f"Series {item.label!r} has {len(item.values)} values for {len(self.bars)}"
                    " bars. Compute it over the same bars.",
                    field=item.label,
                )


class Pictures(Protocol):
    """Whoever can tell what a figure looks like."""

    def png(self, figure: bytes) -> bytes:
        """The picture of a figure in JSON; raises `OutsideError` where there is none."""
        ...


class BadFigure(Exception):
    """Plotly refuses the figure; the browser that was to draw it is well."""
