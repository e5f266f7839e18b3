from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.errors import InvalidInput, UnknownName
from backend.trading.rules import MAX_LENGTH, functions, parse

NAMES = ["open", "high", "low", "close", "volume", "sma_20", "sma_50", "rsi_14", "sma_20@1w"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("crosses_above(sma_20, sma_50) and rsi_14 < 70", ("sma_20", "sma_50", "rsi_14")),
        ("close > sma_20@1w or close > close / 2", ("close", "sma_20@1w")),
        ("30 < rsi_14 <= 2 * 35", ("rsi_14",)),
        ("not (close < -low)\n  and\n  rising(close, 2 + 1)", ("close", "low")),
        ("bars_since(crosses_below(close, previous(low))) <= 3", ("close", "low")),
        ("min(open, high, low, close) > 1.5e-3", ("open", "high", "low", "close")),
    ],
)
def test_a_rule_names_the_series_it_needs_in_reading_order(
    text: str, names: tuple[str, ...]
) -> None:
    assert parse(text, NAMES).names == names


@pytest.mark.parametrize(
    ("text", "place", "remedy"),
    [
        ("sma_21 > 3", "Column 1:", "Did you mean 'sma_20'?"),
        ("close > 1 and sma_5 > 3", "Column 15:", "add the indicator to a chart"),
        ("RSI_14 < 3", "Column 1:", "Did you mean 'rsi_14'?"),
        ("sma_20@1x > 1", "Column 1:", "Did you mean 'sma_20@1w'?"),
        ("risng(close, 3)", "Column 1:", "Did you mean 'rising'?"),
        ("sma(close, 20) > 1", "Column 1:", "Indicators go by their label"),
    ],
)
def test_an_unknown_name_is_met_with_its_column_and_a_remedy(
    text: str, place: str, remedy: str
) -> None:
    with pytest.raises(UnknownName) as caught:
        parse(text, NAMES)
    assert caught.value.message.startswith(place)
    assert remedy in caught.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The rule is empty."),
        (" \n ", "The rule is empty."),
        ("rsi_14 and close > 1", "Column 1: 'rsi_14' is a number, but 'and' joins conditions."),
        ("close > 1 or 3", "Column 14: '3' is a number, but 'or' joins conditions."),
        ("not close", "Column 5: 'close' is a number, but 'not' turns a condition round."),
        ("close + 1", "Column 1: 'close + 1' is a number, but a rule is a condition."),
        ("(close > 1) + 2 > 1", "Column 2: 'close > 1' is a condition, true or false, but '+'"),
        ("close < (low > 3)", "Column 10: 'low > 3' is a condition"),
        ("-(close > 3) > 1", "Column 3: 'close > 3' is a condition"),
        ("rising(close > 1, 2)", "Column 8: 'close > 1' is a condition"),
        ("bars_since(close) > 1", "Column 12: 'close' is a number, but condition in"),
        ("close / 0 > 1", "Column 9: this divides by zero."),
        ("close / (5 - 5) > 1", "Column 9: this divides by zero."),
        ("highest(close) > 1", "Column 1: highest takes 2 arguments, not 1. Write highest(x, n)."),
        ("previous(close, 1, 2) > 1", "Column 1: previous takes 1 to 2 arguments, not 3."),
        ("min(close) > 1", "Column 1: min takes 2 or more arguments, not 1."),
        ("abs() > 1", "Column 1: abs takes 1 argument, not 0."),
        ("highest(close, 1.5) > 1", "Column 16: n in highest(x, n) is a number of bars"),
        ("highest(close, 0) > 1", "Column 16: n in highest(x, n) is a number of bars"),
        ("highest(close, 1001) > 1", "whole number from 1 to 1,000, not '1001'"),
        ("highest(close, close) > 1", "not 'close'"),
        ("within(close, sma_20, 2)", "where 0.02 is 2 %, not '2'"),
        ("rising > 1", "Column 1: 'rising' is a function: write rising(x, n)."),
        ("close(1) > 2", "Column 1: 'close' is a series: write it without '('."),
        ("close >", "Column 8: the rule ends where"),
        ("close > 1 )", "Column 11: ')' stands where"),
        ("close > 1 close", "Column 11: 'close' stands where"),
        ("(close > 1", "Column 1: this '(' is never closed."),
        ("highest(close, 3,) > 1", "Column 18: ')' stands where"),
        ("close > +1", "Column 9: '+' stands where"),
        ("close = 1", "Column 7: '=' is written '==' here."),
        ("close > 1 && low > 1", "Column 11: '&&' is written 'and' here."),
        ("!(close > 1)", "Column 1: '!' is written 'not' here."),
        ("close > 1 AND low > 1", "Column 11: write 'and' in lower case."),
        ("close > 5%", "2 % is 0.02"),
        ("close > 1\nand lo > 2", "Line 2, column 5:"),
        ("1e999 > close", "'1e999' is not a finite number"),
        ("1e300 * 1e300 > close", "'1e300 * 1e300' is not a finite number"),
        ("3 > 2", "speaks of no price and no indicator"),
        ("close > 1; import os", "';' is not part of the rule language"),
        ("close.__class__ > 1", "'.' is not part of the rule language"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_stands(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text, NAMES)
    assert message in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "(" * 26 + "close > 1" + ")" * 26,
        "not " * 30 + "close > 1",
        "-" * 900 + "close > 1",
        "+".join(["low"] * 400) + "> 1",
        "abs(" * 300,
    ],
)
def test_a_rule_nested_too_deep_is_refused_before_the_stack_runs_out(text: str) -> None:
    with pytest.raises(InvalidInput, match="more than 25 levels deep"):
        parse(text, NAMES)


def test_many_conditions_side_by_side_are_not_deep() -> None:
    assert parse(" and ".join(["low > 1"] * 150), NAMES).names == ("low",)


def test_a_rule_may_be_long_but_not_endless() -> None:
    text = "close > 1".ljust(MAX_LENGTH)
    assert parse(text, NAMES).names == ("close",)
    with pytest.raises(InvalidInput, match="2,001 characters"):
        parse(text + " ", NAMES)


def test_an_error_carries_the_field_that_the_text_came_from() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse("close >", NAMES, field="signal.long_when")
    assert caught.value.field == "signal.long_when"


def test_every_function_is_documented_by_an_example_that_parses() -> None:
    names = [*NAMES, "atr_14", "macd_histogram"]
    for name in functions:
        function = functions.get(name)
        assert function.summary.endswith(".")
        assert function.signature.startswith(f"{name}(")
        example = function.example
        is_condition = any(sign in example for sign in "<>") or function.gives == "condition"
        assert name in example
        parse(example if is_condition else f"{example} > 0", names)


VOCABULARY = "close sma_20@1w rising highest min within ( ) , and or not < > == + - * / 1 0 3.5 @ é"
words = st.sampled_from(VOCABULARY.split())


@given(st.one_of(st.text(max_size=60), st.lists(words, max_size=25).map(" ".join)))
def test_garbage_is_refused_and_never_breaks_the_parser(text: str) -> None:
    with suppress(InvalidInput):
        rule = parse(text, NAMES)
        assert set(rule.names) <= set(NAMES)
        assert rule.last({name: np.array([1.0]) for name in NAMES}) in (True, False, None)
