"""A strategy in plain words, for somebody who did not write it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from backend.indicators import spell
from backend.strategies.definition import StrategyDefinition
from backend.strategies.schedule import explain
from backend.trading import exits
from backend.trading.signal_settings import SignalSettings, ViewTargets
from backend.workflow.settings import AnalysisSettings, Mode

SOURCES = {
    "rules": "The rules alone decide; no model is asked.",
    "view": "The model's view alone decides.",
    "agree": "It trades only when the rules and the model's view say the same.",
    "either": "It trades when rules or view say so, and the other does not say the opposite.",
    "veto": "The rules decide, unless the model's view points the other way.",
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A heading with its sentences; `rules` are in the author's own words."""

    title: str
    sentences: list[str]
    rules: list[tuple[str, str]]
    """What a rule is for, and its text."""


def parts(definition: StrategyDefinition) -> list[Part]:
    signal = definition.signal
    rules = [("Buys when", signal.long_when), ("Sells short when", signal.short_when)]
    return [
        Part(title="What it looks at", sentences=_looks_at(definition), rules=[]),
        Part(title="When it runs", sentences=[explain(definition.schedule)], rules=[]),
        Part(
            title="How it judges",
            sentences=[SOURCES[signal.source], *_asks(definition.analysis, signal)],
            rules=[(purpose, text) for purpose, text in rules if text.strip()],
        ),
        Part(
            title="Where it gets in and out",
            sentences=[*_levels(signal), *exits.in_words(definition.exits)],
            rules=[],
        ),
        Part(title="What limits it", sentences=_limits(definition), rules=[]),
    ]


def _looks_at(definition: StrategyDefinition) -> list[str]:
    charts = [
        f"{chart.bars} bars of {chart.timeframe.value}"
        + (f" with {', '.join(map(spell, chart.indicators))}" if chart.indicators else "")
        for chart in definition.charts
    ]
    return [", ".join(definition.symbols), *(f"{each}." for each in charts)]


def _asks(analysis: AnalysisSettings, signal: SignalSettings) -> list[str]:
    if not signal.needs_view:
        return []
    prompts = analysis.prompts
    charts = "sees the charts" if analysis.send_charts else "gets numbers only"
    return [
        f"The model {analysis.model or 'of the settings'} {charts} and answers the prompts"
        f" {prompts.system}, {prompts.chart} and {prompts.view} ({analysis.prompt_label}).",
        f"A view less sure than {_percent(signal.min_confidence)} does not count.",
    ]


def _levels(signal: SignalSettings) -> list[str]:
    if isinstance(signal.targets, ViewTargets):
        targets = "those of the view"
    else:
        targets = ", ".join(f"{_plain(each)} times the risk" for each in signal.targets)
    return [
        f"Stop: {_stop(signal.stop)}. Targets: {targets}.",
        f"No trade below {_plain(signal.minimum_reward_to_risk)} times the risk on average.",
        f"A signal may be acted on for {signal.expires_after_minutes} minutes;"
        f" selling short is {'allowed' if signal.allow_short else 'not allowed'}.",
    ]


def _stop(stop: Any) -> str:
    if stop.kind == "atr":
        return f"{_plain(stop.multiple)} average true ranges ({stop.label}) from the entry"
    if stop.kind == "percent":
        return f"{_percent(stop.fraction)} from the entry"
    return f"at {stop.label}" if stop.kind == "indicator" else "where the view puts it"


def _limits(definition: StrategyDefinition) -> list[str]:
    risk: Any = definition.risk
    largest = [
        f"{_plain(risk.max_quantity)} shares" if risk.max_quantity is not None else "",
        f"a worth of {_plain(risk.max_order_value)}" if risk.max_order_value is not None else "",
    ]
    named = " and ".join(filter(None, largest))
    return [
        f"Loses at most {_percent(risk.risk_per_trade)} of the equity at its stop. {_size(risk)}",
        f"At most {_percent(risk.max_share_of_equity)} of the equity in one instrument"
        + (f", {named} in one order" if named else "")
        + f", {risk.max_orders_per_day} orders a day.",
        _orders(definition),
    ]


def _orders(definition: StrategyDefinition) -> str:
    if definition.mode is Mode.OBSERVE:
        return "It observes only: no order goes out."
    orders = definition.orders
    hours = ", also outside the regular hours" if orders.outside_rth else ""
    how = f"{orders.order_type} entries, {orders.tif}{hours}, each with its stop at the broker"
    if definition.mode is Mode.APPROVE:
        return f"Each order waits {orders.approval_minutes} minutes for a person's yes: {how}."
    return f"Orders go out by themselves: {how}."


def _size(risk: Any) -> str:
    if risk.sizing == "quantity":
        return f"A trade has {_plain(risk.fixed_quantity)} shares."
    if risk.sizing == "value":
        return f"A trade is worth {_plain(risk.fixed_value)}."
    if risk.sizing == "volatility":
        return f"A trade is so large that {_plain(risk.atr_multiple)} {risk.atr_label} cost that."
    return "A trade is as large as that allows."


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _percent(fraction: Decimal) -> str:
    return f"{(fraction * 100).normalize():f} %"
