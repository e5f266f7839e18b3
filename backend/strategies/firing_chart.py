"""The chart of a rule check: candles, with a mark at each bar with which a rule began to hold."""

from typing import Any

from backend.brokers.base import Contract
from backend.charts import ChartInput, figure, theme
from backend.strategies.rule_check import Firing, RuleCheck

MOST_DRAWN = 1_000
"""Bars that a page draws without effort."""
_LOOKS = {
    "long": ("Buying rule", "triangle-up", theme.UP, "low"),
    "short": ("Selling rule", "triangle-down", theme.DOWN, "high"),
    "both": ("Both at once", "x", theme.WARNING, "high"),
}


def firing_chart(checked: RuleCheck, contract: Contract, *, is_simulated: bool) -> dict[str, Any]:
    """A Plotly figure of the last `MOST_DRAWN` of the bars."""
    skipped = max(0, len(checked.bars) - MOST_DRAWN)
    drawn = figure(
        ChartInput(
            symbol=contract.symbol,
            bars=checked.bars,
            as_of=checked.last_at,
            is_simulated=is_simulated,
            timezone=contract.timezone,
            visible=MOST_DRAWN,
        )
    )
    times = drawn["layout"]["xaxis"]["categoryarray"]
    shown = [firing for firing in checked.firings if firing.is_first and firing.row >= skipped]
    for side in _LOOKS:
        marked = [firing for firing in shown if firing.side == side]
        if marked:
            drawn["data"].append(_marks(side, marked, checked, times, skipped))
    return drawn


def _marks(
    side: str, marked: list[Firing], checked: RuleCheck, times: list[Any], skipped: int
) -> dict[str, Any]:
    name, symbol, color, edge = _LOOKS[side]
    prices = getattr(checked.bars, edge)
    away = 0.985 if edge == "low" else 1.015
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [times[firing.row - skipped] for firing in marked],
        "y": [float(prices[firing.row]) * away for firing in marked],
        "text": [f"{firing.closed_at:%Y-%m-%d %H:%M} UTC" for firing in marked],
        "hovertemplate": "%{text}",
        "marker": {"symbol": symbol, "size": 11, "color": color},
        "xaxis": "x",
        "yaxis": "y",
    }
