"""A strategy in plain words."""

from typing import Any

import pytest

from backend.strategies.definition import StrategyDefinition
from backend.strategies.words import parts
from tests.support.live_engine import definition, example


def said(document: dict[str, Any]) -> str:
    told = parts(StrategyDefinition.checked(document))
    rules = [f"{purpose} {rule}" for part in told for purpose, rule in part.rules]
    return " ".join([*(sentence for part in told for sentence in part.sentences), *rules])


def test_the_example_reads_as_what_it_does() -> None:
    words = said(example())
    for sentence in (
        "250 bars of 1d with supertrend_10_3, sma_20",
        "30 minutes before the close of each session of XNYS",
        "It trades only when the rules and the model's view say the same.",
        "A view less sure than 40 % does not count.",
        "Buys when close > sma_50",
        "Stop: 2 average true ranges (atr_14) from the entry.",
        "Targets: 1.5 times the risk, 3 times the risk.",
        "Loses at most 1 % of the equity at its stop.",
        "selling short is not allowed",
        "no order goes out",
    ):
        assert sentence in words


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"risk__sizing": "quantity", "risk__fixed_quantity": 5}, "A trade has 5 shares."),
        ({"risk__sizing": "value", "risk__fixed_value": 1000}, "A trade is worth 1000."),
        ({"risk__sizing": "volatility"}, "2 atr_14 cost that"),
        ({"risk__max_quantity": 7}, "7 shares in one order"),
        ({"signal__stop": {"kind": "percent", "fraction": 0.05}}, "Stop: 5 % from the entry."),
        ({"signal__stop": {"kind": "indicator", "label": "sma_20"}}, "Stop: at sma_20."),
    ],
)
def test_each_choice_has_its_words(changes: dict[str, Any], sentence: str) -> None:
    words = said(definition(**changes))
    assert sentence in words
    assert "model" not in words.replace("no model is asked", "")


def test_where_the_view_decides_it_is_told_so() -> None:
    signal = {"source": "view", "stop": {"kind": "view"}, "targets": {"kind": "view"}}
    words = said(definition(signal=signal, analysis__send_charts=False))
    assert "Stop: where the view puts it. Targets: those of the view." in words
    assert "gets numbers only" in words
