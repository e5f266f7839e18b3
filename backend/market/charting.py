"""The chart of a symbol's page: stored bars with indicators that a person chose, and decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from backend.brokers.base import Contract
from backend.charts import ChartInput, Mark, MarkKind, Series, figure
from backend.core.clock import to_ms
from backend.core.errors import InvalidInput
from backend.core.values import Timeframe
from backend.exchange import calendars, quality
from backend.exchange.quality import QualityReport
from backend.exchange.sessions import closed_as_of
from backend.indicators import IndicatorSpec, compute, describe, parse, warm_up
from backend.market import series
from backend.market.marks import DecisionMark

MOST_INDICATORS = 8
COUNTS = (60, 120, 250, 500, 1_000)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a chart shows; `indicators` as they are written: `sma_20`."""

    timeframe: Timeframe
    count: int = 250
    indicators: tuple[str, ...] = ()

    def specs(self) -> list[IndicatorSpec]:
        """Raises `InvalidInput`, with the near miss, for one that does not exist."""
        if len(self.indicators) > MOST_INDICATORS:
            raise InvalidInput(
                f"indicators: a chart shows at most {MOST_INDICATORS}; take one away.",
                field="indicators",
            )
        return [parse(text) for text in self.indicators]


def chart(
    session: Session,
    contract: Contract,
    wanted: Wanted,
    *,
    decided: Sequence[DecisionMark],
    now: datetime,
    is_simulated: bool,
) -> dict[str, Any]:
    """
    A Plotly figure of what is stored; nothing is fetched.

    Raises `InvalidInput` where there are no bars, or fewer than an indicator needs.
    """
    specs = wanted.specs()
    key = series.Key(contract.conid, wanted.timeframe)
    bars = series.last_bars(session, key, wanted.count + warm_up(specs), to_ms(now))
    bars = bars.where(closed_as_of(calendars.calendar(contract.calendar), bars, now))
    if not len(bars):
        raise InvalidInput(
            f"No {wanted.timeframe} bars of {contract.symbol} are stored. Fetch them first.",
            code="no_bars",
            field="timeframe",
        )
    values = compute(bars, specs)
    return figure(
        ChartInput(
            symbol=contract.symbol,
            bars=bars,
            as_of=now,
            is_simulated=is_simulated,
            series=tuple(
                Series(
                    label=drawn.label,
                    title=drawn.title,
                    group=drawn.group,
                    values=values[drawn.label],
                    style=drawn.style,
                    is_overlay=drawn.is_overlay,
                    levels=drawn.levels,
                )
                for spec in specs
                for drawn in describe(spec)
            ),
            marks=tuple(_mark(each) for each in decided),
            timezone=contract.timezone,
            visible=wanted.count,
        )
    )


_KINDS: dict[str, MarkKind] = {"BUY": "buy", "SELL": "sell", "HOLD": "hold"}


def _mark(each: DecisionMark) -> Mark:
    sure = "" if each.confidence is None else f", confidence {each.confidence:.0%}"
    # Plotly reads some HTML in texts; a strategy's name is data.
    name = each.strategy_name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Mark(
        kind=_KINDS[each.action],
        time=each.bar_time,
        text=f"{each.action}{sure}<br>{name}, execution {each.execution_id}",
        href=f"/executions/{each.execution_id}",
    )


def report(
    session: Session, contract: Contract, timeframe: Timeframe, now: datetime
) -> QualityReport:
    """How good the newest stored bars are, judged as an execution would judge them now."""
    calendar = calendars.calendar(contract.calendar)
    key = series.Key(contract.conid, timeframe)
    bars = series.last_bars(session, key, COUNTS[-1], to_ms(now))
    return quality.check(bars.where(closed_as_of(calendar, bars, now)), calendar, now)
