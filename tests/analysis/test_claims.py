from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.analysis.base import Claim, Direction, Opinion
from backend.analysis.claims import ClaimCheck, check
from backend.analysis.facts import ChartFacts, facts_for
from backend.core.values import Bars, Timeframe
from tests.support.openai_server import opinion


def chart(timeframe: Timeframe = Timeframe.DAY, base: float = 100.0) -> ChartFacts:
    """Sixty bars that rise by 0.13 to a last close of `base`."""
    close = base + 0.13 * np.arange(-59, 1, dtype=np.float64)
    bars = Bars(
        timeframe=timeframe,
        time=np.arange(60, dtype=np.int64) * 86_400_000,
        open=close - 0.2,
        high=close + 1.0,
        low=close - 1.0,
        close=close,
        volume=np.full(60, 12_345_678.0),
    )
    series = {
        "sma_20": close - 1.2345,
        "rsi_14": np.linspace(40, 61.37, 60),
        "macd": np.linspace(-0.5, 0.004, 60),
    }
    return facts_for(
        bars,
        series,
        symbol="AAPL",
        currency="USD",
        tick=Decimal("0.01"),
        as_of="now",
        is_simulated=True,
    )


def checked(*claims: Claim, **changes: object) -> ClaimCheck:
    given = Opinion.model_validate(opinion(**changes))
    return check(given.model_copy(update={"claims": list(claims)}), [chart()])


@pytest.mark.parametrize(
    ("name", "value", "bars_ago"),
    [
        ("close", 100.0, 0),
        ("Close", 100.0, 0),
        ("last price", 100.0, 0),
        ("high", 101.0, 0),
        ("close", 99.87, 1),
        ("sma_20", 98.7655, 0),
        ("SMA(20)", 98.77, 0),
        ("SMA 20", 98.8, 0),
        ("sma_20", 99.0, 0),
        ("1d close", 100.0, 0),
        ("rsi_14", 61.37, 0),
        ("rsi_14", 61.4, 0),
        ("rsi_14", 61, 0),
        ("macd", 0.004, 0),
        ("volume", 12_345_678, 0),
        ("volume", 12_300_000, 0),
    ],
)
def test_true_numbers_are_right_however_they_are_rounded_and_spelled(
    name: str, value: float, bars_ago: int
) -> None:
    result = checked(Claim(name=name, value=value, bars_ago=bars_ago))
    assert result.claims[0].verdict == "right"
    assert not result.blocks


@pytest.mark.parametrize(
    ("name", "value", "verdict"),
    [
        ("close", 100.6, "slip"),
        ("close", 99.87, "slip"),
        ("high", 108.0, "wrong"),
        ("sma_20", 97.0, "slip"),
        ("sma_20", 80.0, "wrong"),
        ("rsi_14", 72.0, "wrong"),
        ("macd", 0.002, "slip"),
        ("macd", 0.9, "wrong"),
        ("sma_200", 90.0, "unknown"),
        ("stop", 97.0, "unknown"),
        ("target 1", 106.0, "unknown"),
    ],
)
def test_other_numbers_are_sorted_by_how_far_off_they_are(
    name: str, value: float, verdict: str
) -> None:
    result = checked(Claim(name=name, value=value))
    assert result.claims[0].verdict == verdict
    assert not result.blocks


def test_a_bar_out_of_reach_is_unknown_not_wrong() -> None:
    claims = [Claim(name="close", value=50.0, bars_ago=ago) for ago in (-1, 60, 500)]
    assert [item.verdict for item in checked(*claims).claims] == ["unknown"] * 3


def test_a_wrong_last_close_blocks_because_the_model_saw_another_price() -> None:
    result = checked(Claim(name="close", value=130.0))
    assert (result.blocks, result.reason_code) == (True, "claim_contradicted")
    assert "quoted as 130; 1d data has 100 (30.0% apart)" in result.sentence


def test_a_stop_that_rests_on_a_wrong_number_blocks() -> None:
    result = checked(Claim(name="sma_20", value=80.0), stop=80.0)
    assert result.blocks
    assert "The plan uses 80" in result.sentence


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"entry": 150.0, "stop": 140.0, "targets": [160.0]}, "entry 150 is far from"),
        ({"stop": 40.0}, "stop 40 is out of reach"),
        ({"targets": [1060.0]}, "target 1060 is out of reach"),
        ({"stop": 101.0}, "stop must be below"),
        ({"targets": [95.0]}, "target must be above"),
    ],
)
def test_a_plan_that_the_data_contradicts_blocks(changes: dict[str, object], says: str) -> None:
    result = checked(**changes)
    assert result.blocks
    assert says in result.sentence


def test_a_plan_some_way_from_the_price_is_only_flagged() -> None:
    result = checked(entry=105.0, stop=101.0, targets=[115.0])
    assert not result.blocks
    assert result.levels[0].verdict == "slip"


def test_a_far_target_is_in_reach_where_bars_are_wide() -> None:
    wide = chart().model_copy(update={"high": [115.0] * 60, "low": [85.0] * 60})
    given = Opinion.model_validate(opinion(targets=[230.0]))
    assert not check(given, [wide]).blocks
    assert check(given, [chart()]).blocks


def test_a_support_above_the_price_is_flagged() -> None:
    result = checked(support=[99.0, 110.0])
    found = [item.verdict for item in result.levels if item.name == "support"]
    assert (found, result.blocks) == (["right", "slip"], False)


def test_a_neutral_opinion_has_no_signal_to_block() -> None:
    result = checked(
        Claim(name="close", value=130.0), direction="neutral", entry=None, stop=None, targets=[]
    )
    assert (result.claims[0].verdict, result.blocks) == ("wrong", False)


def test_a_view_is_right_where_one_of_its_charts_says_so() -> None:
    charts = [chart(), chart(Timeframe.WEEK, base=104.0)]
    given = Opinion.model_validate(opinion()).model_copy(
        update={
            "claims": [
                Claim(name="close", value=104.0),
                Claim(name="1w close", value=104.0),
                Claim(name="1d high", value=105.0),
            ]
        }
    )
    verdicts = [item.verdict for item in check(given, charts).claims]
    assert verdicts == ["right", "right", "wrong"]


@given(
    row=st.integers(0, 59),
    decimals=st.integers(1, 6),
    name=st.sampled_from(["open", "high", "low", "close", "sma_20", "rsi_14"]),
)
def test_a_number_rounded_from_the_data_is_never_called_wrong(
    row: int, decimals: int, name: str
) -> None:
    facts = chart()
    column = facts.series.get(name) or getattr(facts, name)
    actual = float(column[row] or 0)
    result = checked(Claim(name=name, value=round(actual, decimals), bars_ago=59 - row))
    assert result.claims[0].verdict == "right"
    assert not result.blocks


@given(
    value=st.floats(allow_nan=False, allow_infinity=False),
    direction=st.sampled_from(list(Direction)),
    level=st.floats(0.01, 1e6),
)
def test_any_numbers_get_a_verdict_and_a_sentence(
    value: float, direction: Direction, level: float
) -> None:
    result = checked(
        Claim(name="macd", value=value),
        Claim(name="close", value=value),
        direction=direction,
        entry=level,
        stop=100.0,
    )
    assert result.sentence.endswith(".") or result.sentence.endswith(").")
    assert (result.reason_code == "claim_contradicted") is result.blocks
