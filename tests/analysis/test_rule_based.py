import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.analysis import create, default_name
from backend.analysis.base import Answer, Direction, Request, Usage
from backend.analysis.claims import check
from backend.analysis.facts import KEPT, ChartFacts, ChartOpinion, ViewFacts, facts_for
from backend.analysis.rule_based import RuleBasedAnalyst, judge_chart, levels
from backend.analysis.validity import impossible
from backend.core.errors import InvalidInput, UnknownName
from backend.core.settings import Settings
from backend.core.values import Bars, FloatArray, Timeframe
from tests.analysis.conftest import Ledger


def bars(close: FloatArray, timeframe: Timeframe = Timeframe.DAY) -> Bars:
    return Bars(
        timeframe=timeframe,
        time=np.arange(len(close), dtype=np.int64) * 86_400_000,
        open=close * 0.998,
        high=close * 1.01,
        low=close * 0.99,
        close=close,
        volume=np.full(len(close), 1e6),
    )


def facts(close: FloatArray, tick: str = "0.01", **series: FloatArray) -> ChartFacts:
    return facts_for(
        bars(close),
        series,
        symbol="AAPL",
        currency="USD",
        tick=Decimal(tick),
        as_of="2026-11-20 15:30 New York",
        is_simulated=True,
    )


def rising() -> ChartFacts:
    """A rise with dips, so that there are swings."""
    close = 100 + 0.5 * np.arange(80) + 3 * np.sin(np.arange(80) / 3)
    return facts(
        close,
        sma_20=close - 4,
        supertrend=close - 6,
        supertrend_direction=np.ones(80),
        macd=np.full(80, 0.8),
        macd_signal=np.full(80, 0.5),
        rsi_14=np.full(80, 61.0),
    )


def mirrored(given: ChartFacts) -> ChartFacts:
    """The same chart upside down."""
    high = 2 * max(given.high)
    flipped: dict[str, Any] = {
        name: [high - value for value in getattr(given, name)] for name in ("open", "close")
    }
    flipped["high"] = [high - value for value in given.low]
    flipped["low"] = [high - value for value in given.high]
    series: dict[str, list[float | None]] = {
        "sma_20": [high - (value or 0) for value in given.series["sma_20"]],
        "supertrend": [high - (value or 0) for value in given.series["supertrend"]],
        "macd": [-(value or 0) for value in given.series["macd"]],
        "macd_signal": [-(value or 0) for value in given.series["macd_signal"]],
        "rsi_14": [100 - (value or 0) for value in given.series["rsi_14"]],
    }
    return given.model_copy(update={**flipped, "series": series})


def ask(given: ChartFacts | ViewFacts) -> Answer:
    return RuleBasedAnalyst().analyze(
        Request(
            kind=given.kind,
            system="",
            prompt="",
            model="",
            facts=given.model_dump(mode="json"),
        )
    )


def test_it_calls_itself_rule_based_everywhere_and_costs_nothing() -> None:
    answer = ask(rising())
    assert answer.opinion is not None
    assert (answer.analyst, answer.model, answer.is_rule_based) == (
        "rule_based",
        "rule-based",
        True,
    )
    assert answer.opinion.reasons[0] == "Rule-based analysis, no model was asked."
    assert answer.usage == Usage()
    assert json.loads(answer.raw[0]) == answer.opinion.model_dump(mode="json")


def test_the_same_facts_give_the_same_answer() -> None:
    first, again = ask(rising()), ask(rising())
    assert (first.opinion, first.request_hash) == (again.opinion, again.request_hash)
    other = ask(rising().model_copy(update={"symbol": "IBM"}))
    assert other.request_hash != first.request_hash


def test_a_rising_chart_is_bought_with_the_stop_below_and_targets_above() -> None:
    opinion = judge_chart(rising())
    assert (opinion.direction, opinion.trend) == (Direction.LONG, "up")
    assert opinion.entry == pytest.approx(rising().last_close, abs=0.005)
    assert opinion.stop is not None
    assert opinion.stop < (opinion.entry or 0) < opinion.targets[0] < opinion.targets[1]
    assert all(price < rising().last_close for price in opinion.support)


def test_the_mirror_image_is_sold_with_the_same_conviction() -> None:
    long, short = judge_chart(rising()), judge_chart(mirrored(rising()))
    assert (short.direction, short.trend) == (Direction.SHORT, "down")
    assert short.confidence == pytest.approx(long.confidence)
    assert short.stop is not None
    assert short.stop > (short.entry or 0) > short.targets[0]


def test_contradicting_indicators_are_neutral_without_a_plan() -> None:
    close = np.full(60, 50.0)
    opinion = judge_chart(facts(close, sma_20=close - 1, sma_50=close + 1))
    assert opinion.direction is Direction.NEUTRAL
    assert (opinion.entry, opinion.stop, opinion.targets) == (None, None, [])


def test_a_series_that_still_warms_up_is_left_out() -> None:
    close = np.linspace(100, 120, 60)
    opinion = judge_chart(facts(close, sma_200=np.full(60, np.nan)))
    assert "sma_200" not in str(opinion)


def test_every_number_it_quotes_is_true() -> None:
    result = check(judge_chart(rising()), [rising()])
    assert {item.verdict for item in [*result.claims, *result.levels]} == {"right"}
    assert not result.blocks


def test_the_stop_goes_behind_a_support_that_is_near_enough() -> None:
    given = rising()
    support = levels(given)[0][0]
    opinion = judge_chart(given)
    distance = (given.last_close - support) / given.true_range()
    assert opinion.stop is not None
    assert (1 <= distance <= 3) is (opinion.stop < support)


@settings(max_examples=60)
@given(
    steps=st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=80),
    start=st.floats(0.001, 5_000),
    tick=st.sampled_from(["0.0001", "0.01", "0.05", "1"]),
)
def test_any_prices_give_a_possible_opinion_whose_claims_hold(
    steps: list[float], start: float, tick: str
) -> None:
    given = facts(start * np.cumprod(1 + np.array(steps)), tick)
    opinion = judge_chart(given)
    assert impossible(opinion) == []
    verdicts = {item.verdict for item in check(opinion, [given]).claims}
    assert verdicts <= {"right"}


def test_a_view_follows_the_consensus() -> None:
    one = ChartOpinion(
        timeframe=Timeframe.DAY,
        analyst="rule_based",
        is_rule_based=True,
        opinion=judge_chart(rising()),
    )
    given = ViewFacts(
        symbol="AAPL",
        currency="USD",
        tick=Decimal("0.01"),
        as_of="now",
        is_simulated=True,
        last_close=rising().last_close,
        opinions=[one],
    )
    answer = ask(given)
    assert answer.opinion is not None
    assert answer.opinion.direction is Direction.LONG
    assert answer.opinion.reasons[0].startswith("Rule-based")
    empty = ask(given.model_copy(update={"opinions": []}))
    assert (empty.opinion, empty.reason_code) == (None, "no_opinions")


def test_facts_that_are_none_are_refused_with_the_field() -> None:
    request = Request(kind="chart", system="", prompt="", model="", facts={"symbol": "AAPL"})
    answer = RuleBasedAnalyst().analyze(request)
    assert (answer.opinion, answer.reason_code) == (None, "invalid_facts")
    assert "currency: Field required" in (answer.refusal or "")


def test_facts_keep_the_last_bars_and_the_same_rows_of_every_series() -> None:
    close = np.arange(1.0, 101.0)
    given = facts(close, sma_20=close * 2)
    assert len(given.close) == len(given.series["sma_20"]) == KEPT
    assert (given.last_close, given.value("sma_20"), given.value("sma_20", 59)) == (100, 200, 82)
    assert (given.value("sma_20", 60), given.value("nothing")) == (None, None)


def test_a_series_of_another_length_is_refused() -> None:
    with pytest.raises(InvalidInput, match="sma_20"):
        facts(np.arange(1.0, 11.0), sma_20=np.arange(9.0))
    with pytest.raises(InvalidInput, match="There are no 1d bars of AAPL"):
        facts(np.array([]))


def test_the_model_answers_by_default_only_where_a_key_is_set() -> None:
    without = Settings(_env_file=None, openai_api_key="")
    with_key = Settings(_env_file=None, openai_api_key="sk-x")
    assert (default_name(without), default_name(with_key)) == ("rule_based", "openai")


def test_analysts_are_made_by_name() -> None:
    plain = Settings(_env_file=None)
    assert create("rule_based", plain, budget=Ledger(), cache=None).is_rule_based
    assert not create("openai", plain, budget=Ledger(), cache=None).is_rule_based
    with pytest.raises(UnknownName, match="Did you mean 'openai'"):
        create("opnai", plain, budget=Ledger(), cache=None)
