"""Charts: a pure function from bars and series to a Plotly figure, and a browser to draw it."""

from backend.charts.base import ChartInput, Level, LevelKind, Mark, MarkKind, Pictures, Series
from backend.charts.figure import figure, figure_json
from backend.charts.renderer import Renderer

__all__ = [
    "ChartInput",
    "Level",
    "LevelKind",
    "Mark",
    "MarkKind",
    "Pictures",
    "Renderer",
    "Series",
    "figure",
    "figure_json",
]
