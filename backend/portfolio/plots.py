"""The plots of the portfolio page: equity and drawdown over time, and shares of equity."""

from dataclasses import dataclass

from backend.portfolio.curves import Curve
from backend.web.time_plot import WIDTH, TimePlot, time_plot


@dataclass(frozen=True, kw_only=True)
class Plots:
    equity: TimePlot | None
    drawdown: TimePlot | None


def of(curve: Curve, width: float = WIDTH) -> Plots:
    return Plots(
        equity=time_plot(
            [(point.at, point.equity) for point in curve.points], words=_amount, width=width
        ),
        drawdown=time_plot(
            [(point.at, point.drawdown) for point in curve.points],
            words=lambda share: f"{share * 100:.4g} %",
            height=120.0,
            width=width,
            base=0.0,
        ),
    )


def _amount(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"
