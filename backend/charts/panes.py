"""Which pane holds what, and where it stands on the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.charts.base import HEIGHT, WIDTH, Series

LEFT, RIGHT, TOP, BOTTOM = 18, 128, 88, 34
"""Margins in pixels; the right one holds the price axis and the tags of levels."""
PLOT_HEIGHT = HEIGHT - TOP - BOTTOM
PLOT_WIDTH = WIDTH - LEFT - RIGHT
GAP = 14 / PLOT_HEIGHT

PRICE_WEIGHT, VOLUME_WEIGHT, OSCILLATOR_WEIGHT = 4.6, 0.8, 1.2


@dataclass(frozen=True)
class Pane:
    """A strip of the plot. `bottom` and `top` are fractions of the plot's height."""

    axis: str
    """Its y axis as traces name it: `y`, `y2`, ..."""
    bottom: float
    top: float
    series: tuple[Series, ...] = ()

    @property
    def layout_key(self) -> str:
        return f"yaxis{self.axis[1:]}"

    @property
    def pixels(self) -> float:
        return (self.top - self.bottom) * PLOT_HEIGHT


def arrange(series: Sequence[Series]) -> list[Pane]:
    """The price pane with its overlays, the volume pane, then one pane per other group."""
    groups: dict[str, list[Series]] = {}
    for item in series:
        if not item.is_overlay:
            groups.setdefault(item.group, []).append(item)
    overlays = [item for item in series if item.is_overlay]
    contents = [overlays, [], *groups.values()]
    weights = [PRICE_WEIGHT, VOLUME_WEIGHT, *[OSCILLATOR_WEIGHT] * len(groups)]
    return _stack(contents, weights)


def _stack(contents: Sequence[Sequence[Series]], weights: Sequence[float]) -> list[Pane]:
    room = 1 - GAP * (len(weights) - 1)
    panes = []
    top = 1.0
    for number, (content, weight) in enumerate(zip(contents, weights, strict=True), start=1):
        bottom = max(top - room * weight / sum(weights), 0.0)
        axis = "y" if number == 1 else f"y{number}"
        panes.append(Pane(axis, round(bottom, 5), round(top, 5), tuple(content)))
        top = bottom - GAP
    return panes
