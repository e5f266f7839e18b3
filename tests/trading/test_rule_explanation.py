from math import nan

import numpy as np
import pytest

from backend.core.hashing import canonical_json
from backend.trading.rules import Finding, functions, parse

SERIES = {
    "close": np.array([100.0, 101.0, 104.0]),
    "sma_20": np.array([99.0, 99.5, 102.0]),
    "sma_50": np.array([100.0, 100.0, 100.0]),
    "rsi_14": np.array([nan, 64.0, 64.25]),
    "adx_14": np.array([nan, nan, nan]),
}


def explain(text: str) -> list[Finding]:
    return parse(text, SERIES).explain(SERIES)


def test_every_condition_is_explained_in_reading_order() -> None:
    found = explain("crosses_above(sma_20, sma_50) and (rsi_14 < 70 or not adx_14 > 25)")
    assert [(item.text, item.verdict) for item in found] == [
        ("crosses_above(sma_20, sma_50)", True),
        ("rsi_14 < 70", True),
        ("adx_14 > 25", None),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rsi_14 < 70", "rsi_14 (64.25) is below 70."),
        ("close  <\n sma_20 * 1.02", "close (104) is below sma_20 * 1.02 (104.04)."),
        ("adx_14 > 25", "adx_14 (not known) cannot be compared with 25: a value is not known"),
        (
            "crosses_above(sma_20, sma_50)",
            "crosses_above(sma_20, sma_50) holds: sma_20 went from 99.5 to 102 "
            "and sma_50 went from 100 to 100 in 1 bar.",
        ),
        ("falling(close, 2)", "does not hold: close went from 100 to 104 in 2 bars."),
        ("within(close, sma_50, 0.05)", "holds: close is 104 and sma_50 is 100."),
        ("rising(adx_14, 2)", "rising(adx_14, 2) cannot be judged: a value is not known"),
    ],
)
def test_a_sentence_tells_what_was_compared(text: str, sentence: str) -> None:
    assert sentence in explain(text)[0].sentence


def test_the_values_seen_are_kept_by_operand_series_and_earlier_bar() -> None:
    assert explain("close > sma_20 * 1.02")[0].value == {
        "close": 104.0,
        "sma_20 * 1.02": pytest.approx(104.04),
        "sma_20": 102.0,
    }
    assert explain("crosses_above(rsi_14, 30)")[0].value == {
        "rsi_14": 64.25,
        "rsi_14, 1 bar ago": 64.0,
    }


def test_a_chained_comparison_is_explained_link_by_link() -> None:
    found = explain("(sma_50) < sma_20 < close")
    assert [item.text for item in found] == ["(sma_50) < sma_20", "sma_20 < close"]


def test_a_condition_inside_a_function_is_explained_after_the_one_around_it() -> None:
    found = explain("bars_since(close > 103) < 2")
    assert [item.text for item in found] == ["bars_since(close > 103) < 2", "close > 103"]
    assert found[0].value["bars_since(close > 103)"] == 0


def test_an_explanation_survives_as_json_with_what_is_unknown_in_it() -> None:
    for item in explain("adx_14 > 25 or rising(rsi_14, 2) or rising(close, 900)"):
        assert item.verdict is None
        assert canonical_json(item.model_dump(mode="json"))


def test_an_empty_history_is_explained_as_unknown() -> None:
    empty = {name: values[:0] for name, values in SERIES.items()}
    assert [item.verdict for item in parse("close > 1", SERIES).explain(empty)] == [None]


def test_every_condition_function_can_be_explained() -> None:
    names = {"x": np.array([1.0, 2.0]), "y": np.array([2.0, 1.0])}
    arguments = {"count": "1", "fraction": "0.5", "number": "x"}
    for name in functions:
        function = functions.get(name)
        if function.gives == "condition":
            call = ", ".join(arguments[item.kind] for item in function.parameters)
            assert parse(f"{name}({call})", names).explain(names)[0].verdict is not None
