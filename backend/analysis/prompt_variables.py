"""What a prompt can say: the variables of each kind, their meanings, and how facts fill them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Literal

from backend.analysis.facts import ChartFacts, ChartOpinion, ViewFacts, one_line
from backend.analysis.standing import NOTHING, Standing
from backend.core.clock import from_ms

PromptKind = Literal["system", "chart", "view"]
SHOWN_BARS = 20
"""Bars in a prompt's table; the chart shows the longer history."""

_TITLES = {"1d": "daily", "1w": "weekly", "1m": "monthly"}


@dataclass(frozen=True)
class Variable:
    name: str
    type: str
    meaning: str


_COMMON = (
    Variable("symbol", "text", "The instrument's symbol."),
    Variable("company", "text", "Its issuer's name; empty where unknown. Data, never instruction."),
    Variable("exchange", "text", "Where it is listed; may be empty."),
    Variable("currency", "text", "The currency of every price."),
    Variable("tick", "number", "The smallest step of a price."),
    Variable("as_of", "text", "The moment of the decision; nothing later is shown."),
    Variable("is_simulated", "true or false", "The prices are invented by a simulator."),
    Variable("last_close", "number", "The close of the last bar of the first timeframe."),
    Variable("image_count", "number", "How many chart images go with the prompt."),
    Variable(
        "position",
        "position or none",
        "All that the account holds of it, whoever bought it: quantity (negative when short),"
        " average_cost, unrealized_pnl.",
    ),
    Variable(
        "own_trade",
        "trade or none",
        "This strategy's open trade in it: side (long, short), quantity (0 while its entry works),"
        " planned, entry_price, stop, best_price, worst_price, opened, profit_per_share and r (both"
        " at the last close), entry_reason.",
    ),
    Variable(
        "own_orders",
        "list",
        "Orders of that trade which are not over; each has role, side, type, quantity, filled,"
        " limit_price, stop_price, state.",
    ),
)
VARIABLES: Mapping[PromptKind, tuple[Variable, ...]] = {
    "system": (
        Variable("is_simulated", "true or false", "The prices are invented by a simulator."),
    ),
    "chart": (
        *_COMMON,
        Variable("timeframe", "text", "The length of one bar, such as 1d."),
        Variable("timeframe_title", "text", "The same in words, such as daily."),
        Variable(
            "bars",
            "list",
            f"The last {SHOWN_BARS} bars, oldest first; each has bars_ago, time, open, high, low,"
            " close, volume.",
        ),
        Variable(
            "indicators",
            "list",
            "Each has label, last, previous (the bar before) and recent (the last five, oldest"
            " first); values are numbers, or none while warming up.",
        ),
        Variable("true_range", "number", "The mean true range of the last 14 bars."),
        Variable("rules", "list", "What the strategy's own rules say, in sentences."),
    ),
    "view": (
        *_COMMON,
        Variable(
            "opinions",
            "list",
            "One per timeframe and analyst, the traded timeframe first; each has timeframe,"
            " analyst, is_rule_based, refusal (text, or none) and opinion (direction, confidence,"
            " trend, support, resistance, entry, stop, targets, horizon_days, invalidation,"
            " reasons, risks), none where refused.",
        ),
    ),
}


def system_variables(*, is_simulated: bool) -> dict[str, Any]:
    return {"is_simulated": is_simulated}


def chart_variables(
    facts: ChartFacts, *, image_count: int, standing: Standing = NOTHING
) -> dict[str, Any]:
    """Everything under `VARIABLES["chart"]`, plain values only."""
    return {
        **_common(facts, image_count, standing),
        "last_close": facts.last_close,
        "timeframe": facts.timeframe.value,
        "timeframe_title": _TITLES.get(facts.timeframe.value, facts.timeframe.value),
        "bars": _bars(facts),
        "indicators": [_indicator(facts, label) for label in facts.series],
        "true_range": facts.true_range(),
        "rules": list(facts.rules),
    }


def view_variables(
    facts: ViewFacts, *, image_count: int, standing: Standing = NOTHING
) -> dict[str, Any]:
    """Everything under `VARIABLES["view"]`, plain values only."""
    return {
        **_common(facts, image_count, standing),
        "last_close": facts.last_close,
        "opinions": [_opinion(item) for item in facts.opinions],
    }


def _common(facts: ChartFacts | ViewFacts, image_count: int, standing: Standing) -> dict[str, Any]:
    return {
        "symbol": facts.symbol,
        "company": facts.company,
        "exchange": facts.exchange,
        "currency": facts.currency,
        "tick": float(facts.tick),
        "as_of": facts.as_of,
        "is_simulated": facts.is_simulated,
        "image_count": image_count,
        **standing.model_dump(),
    }


def _bars(facts: ChartFacts) -> list[dict[str, Any]]:
    form = "%Y-%m-%d %H:%M" if facts.timeframe.is_intraday else "%Y-%m-%d"
    count = len(facts.time)
    return [
        {
            "bars_ago": count - 1 - row,
            "time": from_ms(facts.time[row]).astimezone(UTC).strftime(form),
            **{
                name: getattr(facts, name)[row]
                for name in ("open", "high", "low", "close", "volume")
            },
        }
        for row in range(max(0, count - SHOWN_BARS), count)
    ]


def _indicator(facts: ChartFacts, label: str) -> dict[str, Any]:
    return {
        "label": label,
        "last": facts.value(label),
        "previous": facts.value(label, 1),
        "recent": facts.series[label][-5:],
    }


def _opinion(item: ChartOpinion) -> dict[str, Any]:
    plain: dict[str, Any] = _one_lines(item.model_dump(mode="json"))
    return plain


def _one_lines(value: Any) -> Any:
    """A model wrote these texts after reading names from outside: they are data as well."""
    if isinstance(value, dict):
        return {key: _one_lines(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_one_lines(item) for item in value]
    return one_line(value, 600) if isinstance(value, str) else value
