from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.redaction import HIDDEN, redact, redact_text

SECRET = "a-secret-of-the-settings"


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "apiKey",
        "API-KEY",
        "openai_api_key",
        "Authorization",
        "password",
        "db_password",
        "cookie",
        "Cookies",
        "access_token",
        "secret",
        "client_secret",
        "credentials",
    ],
)
def test_values_under_telling_names_are_hidden(name: str) -> None:
    assert redact({"headers": [{name: "abc", "host": "here"}]}) == {
        "headers": [{name: HIDDEN, "host": "here"}]
    }


@pytest.mark.parametrize("value", [["abc", "def"], {"value": "abc", "kind": "bearer"}])
def test_whole_values_under_telling_names_are_hidden_whatever_their_shape(value: Any) -> None:
    assert "abc" not in str(redact({"api_key": value}))


@pytest.mark.parametrize("name", ["tokens", "input_tokens", "max_output_tokens", "symbol", "key"])
def test_counts_of_tokens_and_ordinary_names_stay(name: str) -> None:
    assert redact({name: 1_200}) == {name: 1_200}


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Bearer eyJhbGciOi.J9", "eyJhbGciOi"),
        ("key sk-abcdefghijklmnopqrstuvwx is wrong", "abcdefghijkl"),
        ("gbx_abcdefghijklmnopqrstuv", "gbx_abcdef"),
        ("postgresql+psycopg2://me:pa55word@host/db", "pa55word"),
        ("redis://:pa55word@host:6379/0", "pa55word"),
        ("https://host/path?symbol=AAPL&api_key=pa55word&x=1", "pa55word"),
        ("https://host/path?token=pa55word", "pa55word"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_in_any_text(text: str, hidden: str) -> None:
    said = redact_text(text)
    assert hidden not in said
    assert HIDDEN in said


@pytest.mark.parametrize(
    "text",
    [
        "https://127.0.0.1:5000/v1/api/iserver/marketdata/history?conid=265598&period=1y",
        "The token of the order is unknown.",
        "Ask risk-averse people.",
        "AAPL at 189.50, stop 180.",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert redact_text(text) == text


def test_the_settings_own_secrets_are_hidden_wherever_they_stand(
    set_env: Callable[..., None],
) -> None:
    set_env(S3_SECRET_KEY=SECRET)
    document = {"note": f"Tried {SECRET}.", "list": [SECRET], f"about {SECRET}": 1}
    assert SECRET not in str(redact(document))


def test_passwords_in_the_settings_addresses_are_hidden_without_their_address(
    set_env: Callable[..., None],
) -> None:
    set_env(REDIS_URL="redis://:long-redis-password@host:6379/0")
    assert "long-redis-password" not in redact_text("NOAUTH for long-redis-password")


def test_a_short_secret_does_not_blank_out_ordinary_words(set_env: Callable[..., None]) -> None:
    set_env(S3_SECRET_KEY="buy")
    assert redact_text("A buy of AAPL.") == "A buy of AAPL."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(JSON)
def test_redacting_twice_changes_nothing_more(value: Any) -> None:
    once = redact(value)
    assert redact(once) == once


def test_the_value_that_was_given_is_left_alone() -> None:
    document = {"api_key": "abc", "list": [{"password": "def"}]}
    redact(document)
    assert document == {"api_key": "abc", "list": [{"password": "def"}]}
