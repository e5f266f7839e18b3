from datetime import datetime

from pydantic import BaseModel

from backend.brokers.base import Contract, Quote
from backend.core.errors import OutsideError, SessionDown
from backend.core.values import Timeframe
from backend.indicators import warm_up
from backend.workflow.settings import ChartSettings
from backend.workflow.steps.base import ArtifactRef, StepData, Tools, Touches, step


class BarSnapshot(BaseModel):
    """The exact bars that the decision sees; times are the starts of bars, UTC ms."""

    bars: ArtifactRef
    count: int
    first_time: int
    last_time: int
    last_close: float
    is_delayed: bool
    cache_hit: bool
    fetched: int
    was_readjusted: bool


class Input(StepData):
    contract: Contract
    chart_settings: list[ChartSettings]
    as_of: datetime


class Output(StepData):
    snapshots: dict[Timeframe, BarSnapshot]
    quote: Quote | None


@step("fetch_bars", input=Input, output=Output, touches=Touches.OUTSIDE)
def fetch_bars(input: Input, tools: Tools) -> Output:
    """One snapshot of closed bars per timeframe, long enough to warm the indicators up."""
    snapshots = {
        chart.timeframe: _snapshot(chart, input.contract, input.as_of, tools)
        for chart in input.chart_settings
    }
    return Output(snapshots=snapshots, quote=_quote(input.contract, tools))


def _snapshot(
    chart: ChartSettings, contract: Contract, as_of: datetime, tools: Tools
) -> BarSnapshot:
    count = chart.bars + warm_up(chart.indicators)
    fetched = tools.market.bars(contract, chart.timeframe, count, as_of)
    bars = fetched.bars
    if not len(bars):
        raise OutsideError(
            f"The broker has no {chart.timeframe} bars of {contract.symbol}. Check the market data"
            " permissions of the account, or choose another timeframe.",
            code="no_data",
        )
    return BarSnapshot(
        bars=tools.keep_json(f"bars_{chart.timeframe}.json", bars.to_json()),
        count=len(bars),
        first_time=int(bars.time[0]),
        last_time=int(bars.time[-1]),
        last_close=float(bars.close[-1]),
        is_delayed=fetched.is_delayed,
        cache_hit=fetched.cache_hit,
        fetched=fetched.fetched,
        was_readjusted=fetched.was_readjusted,
    )


def _quote(contract: Contract, tools: Tools) -> Quote | None:
    """A decision on closed bars can do without a quote; an order cannot, and checks it again."""
    try:
        return tools.market.quote(contract)
    except SessionDown:
        raise
    except OutsideError as error:
        tools.note("No quote: the last close stands in for it.", code=error.code, why=error.message)
        return None
