"""The rules over a year at once say what a step would have said at each bar, and nothing later."""

from collections import Counter
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from backend.core.clock import from_ms, to_ms
from backend.core.errors import InvalidInput
from backend.core.values import Bars, Timeframe
from backend.exchange import calendars
from backend.exchange.sessions import bar_close_ms
from backend.indicators import warm_up
from backend.strategies import rule_check
from backend.strategies.definition import StrategyDefinition
from backend.strategies.firing_chart import firing_chart
from backend.strategies.rule_check import Judged, judge
from backend.workflow.steps import steps
from tests.support.live_engine import Engine, definition

RULES = {
    "source": "rules",
    "long_when": "close > sma_20 and close@1w > sma_4@1w",
    "short_when": "close < sma_20 and sma_20 < previous(sma_20, 5)",
}
CHARTS = [
    {"timeframe": "1d", "bars": 60, "indicators": ["sma_20", "atr_14"]},
    {"timeframe": "1w", "bars": 30, "indicators": ["sma_4"]},
]


def two_frames(**changes: Any) -> StrategyDefinition:
    return StrategyDefinition.checked(definition(charts=CHARTS, signal=RULES, **changes))


def bars_of(engine: Engine, asked: StrategyDefinition, count: int) -> dict[Timeframe, Bars]:
    contract = engine.tools.market.resolve("AAPL")
    now = engine.clock.now()
    return {
        chart.timeframe: engine.tools.market.bars(contract, chart.timeframe, count, now).bars
        for chart in asked.charts
    }


def closed_by(bars: dict[Timeframe, Bars], moment: datetime) -> dict[Timeframe, Bars]:
    calendar = calendars.calendar("XNYS")
    return {
        timeframe: each.where(bar_close_ms(calendar, timeframe, each.time) <= to_ms(moment))
        for timeframe, each in bars.items()
    }


def words(found: Judged, row: int) -> list[bool | None]:
    verdicts = (found.long[row], found.short[row])
    return [None if np.isnan(each) else bool(each == 1) for each in verdicts]


def step_at(engine: Engine, asked: StrategyDefinition, moment: datetime) -> list[bool | None]:
    """What an execution would have found at that moment, by its own steps."""
    facts: dict[str, Any] = {**asked.facts(), "symbol": "AAPL", "as_of": moment.isoformat()}
    for name in ("resolve_contract", "fetch_bars", "compute_indicators"):
        step = steps.get(name)
        facts |= step.run(step.input.model_validate(facts), engine.tools).model_dump(mode="json")
    return [facts["long_rule"]["verdict"], facts["short_rule"]["verdict"]]


def test_every_bar_is_judged_as_the_steps_judge_it(engine: Engine) -> None:
    asked = two_frames()
    found = judge(asked, bars_of(engine, asked, 330), "XNYS")
    rows = range(80, len(found.closes_ms), 10)
    said = [words(found, row) for row in rows]
    assert said == [step_at(engine, asked, from_ms(int(found.closes_ms[row]))) for row in rows]
    # A test that only ever saw one answer would say nothing.
    assert len({str(each) for each in said}) >= 3


def test_no_bar_knows_of_a_later_one(engine: Engine) -> None:
    asked = StrategyDefinition.checked(
        definition(
            charts=[
                {
                    "timeframe": "1d",
                    "bars": 60,
                    "indicators": ["supertrend_10_3", "ema_20", "macd", "vwap", "obv", "atr_14"],
                },
                {"timeframe": "1w", "bars": 30, "indicators": ["rsi_14"]},
            ],
            signal={
                "source": "rules",
                "long_when": "close > ema_20 and supertrend_10_3_direction > 0 and rsi_14@1w > 40",
                "short_when": "macd_histogram < 0 and close < vwap and obv < previous(obv)",
            },
        )
    )
    bars = bars_of(engine, asked, 330)
    whole = judge(asked, bars, "XNYS")
    for row in range(120, len(whole.closes_ms), 7):
        until = closed_by(bars, from_ms(int(whole.closes_ms[row])))
        assert words(judge(asked, until, "XNYS"), -1) == words(whole, row)


def test_the_report_counts_what_was_judged(engine: Engine) -> None:
    asked = two_frames()
    contract = engine.tools.market.resolve("AAPL")
    found = rule_check.check(asked, contract, engine.tools)
    now = engine.clock.now()
    assert now - rule_check.YEAR <= found.first_at
    assert found.last_at <= now
    assert 245 <= len(found.bars) <= 255
    assert found.unknown == 0
    assert not found.is_cut
    assert sum(found.per_month.values()) == len(found.firings)
    assert len(found.per_month) == 13
    assert found.per_month == {
        month: Counter(f"{each.closed_at:%Y-%m}" for each in found.firings)[month]
        for month in found.per_month
    }
    held = {each.row for each in found.firings}
    for each in found.firings:
        assert each.is_first == (each.row - 1 not in held)
        assert each.close == found.bars.close[each.row]


def test_both_rules_at_once_are_a_conflict(engine: Engine) -> None:
    asked = StrategyDefinition.checked(
        definition(signal={"source": "rules", "long_when": "close > 0", "short_when": "close > 0"})
    )
    found = rule_check.check(asked, engine.tools.market.resolve("AAPL"), engine.tools)
    assert {each.side for each in found.firings} == {"both"}
    assert [each.is_first for each in found.firings].count(True) == 1


def test_too_many_bars_are_cut_and_it_is_said(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_check, "MOST_BARS", 50)
    found = rule_check.check(two_frames(), engine.tools.market.resolve("AAPL"), engine.tools)
    assert found.is_cut
    assert len(found.bars) == 50
    assert found.unknown == 0


def test_the_first_bar_has_as_much_before_it_as_a_step_sees(engine: Engine) -> None:
    asked = two_frames()
    chart = asked.charts[0]
    contract = engine.tools.market.resolve("AAPL")
    before = chart.bars + warm_up(chart.indicators)
    found = rule_check.check(asked, contract, engine.tools)
    bars = bars_of(engine, asked, len(found.bars) + before)[chart.timeframe]
    assert bars.time[before] <= found.bars.time[0]


def test_without_rules_there_is_nothing_to_check(engine: Engine) -> None:
    asked = StrategyDefinition.checked(
        definition(signal={"source": "view", "stop": {"kind": "view"}})
    )
    with pytest.raises(InvalidInput) as raised:
        rule_check.check(asked, engine.tools.market.resolve("AAPL"), engine.tools)
    assert raised.value.field == "signal.long_when"


def test_the_chart_marks_where_a_rule_began(engine: Engine) -> None:
    contract = engine.tools.market.resolve("AAPL")
    found = rule_check.check(two_frames(), contract, engine.tools)
    figure = firing_chart(found, contract, is_simulated=True)
    marks = [each for each in figure["data"] if each.get("mode") == "markers"]
    began = [each for each in found.firings if each.is_first]
    assert sum(len(each["x"]) for each in marks) == len(began) > 0
    times = figure["layout"]["xaxis"]["categoryarray"]
    for each in marks:
        assert set(each["x"]) <= set(times)
