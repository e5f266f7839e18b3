"""The numbers behind a question: the prompt shows them, the rules judge them, claims are held
against them."""

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from backend.analysis.base import Opinion
from backend.core.errors import InvalidInput
from backend.core.values import Bars, FloatArray, Timeframe

KEPT = 60
"""How many bars the facts reach back: three months of days, enough for swings and crossings."""


_MARKS = re.compile(r"</?\s*data", re.IGNORECASE)


def one_line(text: str, limit: int = 120) -> str:
    """
    Text from outside as it may stand in a prompt: one short line that cannot end its data block.
    """
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(_MARKS.sub("data", printable).split())[:limit]


OneLine = Annotated[str, AfterValidator(one_line)]


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    symbol: OneLine
    company: OneLine = Field("", description="Empty where the broker gives no name.")
    exchange: OneLine = ""
    currency: OneLine
    tick: Decimal = Field(gt=0, description="The smallest step of a price.")
    as_of: OneLine = Field(description="The decision's moment, for a reader, with its zone.")
    is_simulated: bool = Field(description="The prices are invented by a simulator.")


class ChartFacts(_Facts):
    """One timeframe: its last bars and series, oldest first, all of the bars' length."""

    kind: Literal["chart"] = "chart"
    timeframe: Timeframe
    time: list[int] = Field(min_length=1, description="Start of each bar, UTC ms.")
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]
    series: dict[str, list[float | None]] = Field(description="By label; None while warming up.")
    rules: list[str] = Field([], description="What the strategy's own rules say, in sentences.")

    @property
    def last_close(self) -> float:
        return self.close[-1]

    def value(self, label: str, bars_ago: int = 0) -> float | None:
        """A series' value; None for an unknown label, a bar out of reach, or while warming up."""
        values = self.series.get(label, [])
        return values[-1 - bars_ago] if bars_ago < len(values) else None

    def true_range(self) -> float:
        """The mean true range of the last 14 bars (Wilder's definition, plain mean)."""
        before = [self.open[0], *self.close[:-1]]
        ranges = [
            max(high, previous) - min(low, previous)
            for high, low, previous in zip(self.high, self.low, before, strict=True)
        ]
        return sum(ranges[-14:]) / len(ranges[-14:])

    def on_tick(self, price: float) -> float:
        """The price that can be traded which is nearest to this one."""
        steps = (Decimal(repr(price)) / self.tick).quantize(Decimal(1), ROUND_HALF_EVEN)
        return float(steps * self.tick)


class ChartOpinion(BaseModel):
    """One analyst's opinion of one timeframe; a view is formed out of several."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeframe: Timeframe
    analyst: str
    is_rule_based: bool
    opinion: Opinion | None
    refusal: str | None = Field(None, description="Why there is no opinion.")


class ViewFacts(_Facts):
    """Opinions to be made one, in the strategy's order of timeframes: the first one is traded."""

    kind: Literal["view"] = "view"
    last_close: float
    opinions: list[ChartOpinion]
    charts: list[ChartFacts] = Field([], description="The facts that the opinions were formed on.")


def facts_for(
    bars: Bars,
    series: Mapping[str, FloatArray],
    *,
    symbol: str,
    currency: str,
    tick: Decimal,
    as_of: str,
    is_simulated: bool,
    company: str = "",
    exchange: str = "",
    rules: Sequence[str] = (),
) -> ChartFacts:
    """
    The last `KEPT` bars and the same rows of every series.

    Raises `InvalidInput` for no bars, or a series whose length differs from the bars'.
    """
    if len(bars) == 0:
        raise InvalidInput(f"There are no {bars.timeframe} bars of {symbol}.", code="no_bars")
    for label, values in series.items():
        if len(values) != len(bars):
            raise InvalidInput(
                f"The series {label!r} has {len(values)} values and there are {len(bars)} bars.",
                field=label,
            )
    return ChartFacts(
        symbol=symbol,
        company=company,
        exchange=exchange,
        currency=currency,
        tick=tick,
        as_of=as_of,
        is_simulated=is_simulated,
        timeframe=bars.timeframe,
        **_columns(bars[-KEPT:]),
        series={label: _finite(values[-KEPT:]) for label, values in series.items()},
        rules=list(rules),
    )


def _columns(bars: Bars) -> dict[str, Any]:
    names = ("time", "open", "high", "low", "close", "volume")
    return {name: getattr(bars, name).tolist() for name in names}


def _finite(values: FloatArray) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]
