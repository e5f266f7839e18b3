from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.brokers.client_portal.parsing import (
    is_halted,
    parse_json,
    parse_number,
    required_integer,
    required_number,
)
from backend.core.errors import TemporaryError


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1,300.10", "1300.10"),
        ("C101.2", "101.2"),
        ("H99.50", "99.50"),
        ("45.2M", "45200000"),
        ("3.1K", "3100"),
        ("1.05B", "1050000000"),
        ("12%", "0.12"),
        ("-0.35%", "-0.0035"),
        ("+1.5", "1.5"),
        ("C1,234,567.89", "1234567.89"),
        (".5", "0.5"),
        ("1.0E-4", "0.0001"),
        (" 7 ", "7"),
        (7, "7"),
        (0, "0"),
        (193.18, "193.18"),
        (Decimal("994842.375"), "994842.375"),
    ],
)
def test_every_way_the_gateway_writes_a_number_is_understood(written: object, number: str) -> None:
    assert parse_number(written) == Decimal(number)


@pytest.mark.parametrize("nothing", [None, "", "  ", "C", "H"])
def test_no_number_is_none(nothing: object) -> None:
    assert parse_number(nothing) is None


@pytest.mark.parametrize(
    "nonsense",
    [
        "abc",
        "1,30",
        "13,00.1",
        "1.2.3",
        "NaN",
        "Infinity",
        "--",
        "1 2",
        "1e9999",
        True,
        [],
        {},
        Decimal("NaN"),
        float("inf"),
        ".",
        "%",
        "X1",
    ],
)
def test_what_is_no_number_is_refused_by_name(nonsense: object) -> None:
    with pytest.raises(TemporaryError, match="the bid") as caught:
        parse_number(nonsense, "the bid")
    assert caught.value.code == "bad_answer"


@settings(max_examples=100)
@given(
    number=st.decimals(allow_nan=False, allow_infinity=False, places=4),
    mark=st.sampled_from(["", "C", "H"]),
)
def test_a_number_written_with_separators_and_marks_comes_back_exactly(
    number: Decimal, mark: str
) -> None:
    assert parse_number(f"{mark}{number:,f}") == number


@settings(max_examples=50)
@given(number=st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9)))
def test_json_fractions_never_pass_through_a_float(number: Decimal) -> None:
    assert parse_json(f'{{"price": {number:f}}}')["price"] == number


@settings(max_examples=200)
@given(st.text(max_size=12))
def test_any_text_gives_a_number_none_or_a_classified_error(text: str) -> None:
    try:
        number = parse_number(text)
    except TemporaryError as error:
        assert error.code == "bad_answer"  # noqa: PT017 - either way out is right
    else:
        assert number is None or number.is_finite()


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "<html>", "", "{"])
def test_what_is_not_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        parse_json(text)


def test_a_missing_number_that_must_be_there_is_a_bad_answer() -> None:
    with pytest.raises(TemporaryError, match="left out the cash"):
        required_number(None, "the cash")


def test_a_conid_may_be_text_but_not_a_fraction() -> None:
    assert required_integer("265598", "conid") == 265598
    with pytest.raises(TemporaryError):
        required_integer("265598.5", "conid")


def test_only_the_letter_h_says_halted() -> None:
    assert is_halted("H101.2")
    assert not is_halted("C101.2")
    assert not is_halted(101)
