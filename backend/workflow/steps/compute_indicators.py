from collections.abc import Mapping

import numpy as np
from pydantic import BaseModel

from backend.brokers.base import Contract
from backend.core.values import Bars, FloatArray, Timeframe
from backend.exchange import calendars
from backend.exchange.sessions import bar_close_ms
from backend.indicators import compute
from backend.trading.rules import Finding, Rule, align
from backend.trading.signal import SignalSettings
from backend.workflow.settings import ChartSettings
from backend.workflow.steps.base import ArtifactRef, StepData, Tools, Touches, step
from backend.workflow.steps.fetch_bars import BarSnapshot

PRICE_NAMES = ("open", "high", "low", "close", "volume")

SeriesByName = Mapping[str, FloatArray]


class RuleFindings(BaseModel):
    """What one rule says at the last bar; None while an indicator it needs is warming up."""

    text: str
    verdict: bool | None
    findings: list[Finding]


class Input(StepData):
    contract: Contract
    chart_settings: list[ChartSettings]
    snapshots: dict[Timeframe, BarSnapshot]
    signal_settings: SignalSettings


class Output(StepData):
    series: dict[Timeframe, ArtifactRef]
    """All values of every series, as long as the bars; null while warming up."""
    last_values: dict[Timeframe, dict[str, float | None]]
    last_by_name: dict[str, float | None]
    """The last value of every name that a rule may use, prices included."""
    long_rule: RuleFindings | None
    short_rule: RuleFindings | None


@step("compute_indicators", input=Input, output=Output, touches=Touches.NOTHING)
def compute_indicators(input: Input, tools: Tools) -> Output:
    """Every indicator over its timeframe's bars, and what the strategy's own rules say."""
    bars = {
        chart.timeframe: tools.load_bars(input.snapshots[chart.timeframe].bars)
        for chart in input.chart_settings
    }
    series = {
        chart.timeframe: compute(bars[chart.timeframe], chart.indicators)
        for chart in input.chart_settings
    }
    primary = input.chart_settings[0].timeframe
    names = names_for_rules(primary, bars, series, input.contract.calendar)
    long_rule, short_rule = input.signal_settings.rules(names)
    return Output(
        series={
            tf: tools.keep_json(f"series_{tf}.json", _document(values))
            for tf, values in series.items()
        },
        last_values={tf: _last(values) for tf, values in series.items()},
        last_by_name={name: _nulls(values[-1:])[0] for name, values in names.items()},
        long_rule=_ask(long_rule, names),
        short_rule=_ask(short_rule, names),
    )


def names_for_rules(
    primary: Timeframe,
    bars: Mapping[Timeframe, Bars],
    series: Mapping[Timeframe, SeriesByName],
    calendar: str,
) -> dict[str, FloatArray]:
    """Primary names plain, every timeframe's as `name@1w`, all on the primary bars."""
    names: dict[str, FloatArray] = {}
    hours = calendars.calendar(calendar)
    closes = {tf: bar_close_ms(hours, tf, each.time) for tf, each in bars.items()}
    for timeframe, each in bars.items():
        prices = {name: getattr(each, name) for name in PRICE_NAMES}
        for name, values in {**prices, **series[timeframe]}.items():
            if timeframe == primary:
                names[name] = values
            names[f"{name}@{timeframe.value}"] = align(closes[primary], closes[timeframe], values)
    return names


def _ask(rule: Rule | None, names: Mapping[str, FloatArray]) -> RuleFindings | None:
    if rule is None:
        return None
    return RuleFindings(text=rule.text, verdict=rule.last(names), findings=rule.explain(names))


def _document(series: SeriesByName) -> dict[str, object]:
    return {"version": 1, "series": {name: _nulls(values) for name, values in series.items()}}


def _nulls(values: FloatArray) -> list[float | None]:
    finite = np.isfinite(values).tolist()
    return [
        value if is_one else None for value, is_one in zip(values.tolist(), finite, strict=True)
    ]


def _last(series: SeriesByName) -> dict[str, float | None]:
    return {name: _nulls(values[-1:])[0] for name, values in series.items()}
