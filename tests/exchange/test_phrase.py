from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.errors import InvalidInput
from backend.exchange import phrase, sessions
from backend.exchange.calendars import calendar


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "exchange", "is_close", "minutes"),
    [
        ("30 minutes before NYSE close", "XNYS", True, -30),
        ("5 minutes after the NYSE open", "XNYS", False, 5),
        ("1 hour before XETRA's close", "XETR", True, -60),
        ("AT nyse CLOSE", "XNYS", True, 0),
        ("0 minutes after LSE open", "XLON", False, 0),
    ],
)
def test_a_phrase_names_an_edge_of_a_session(
    text: str, exchange: str, is_close: bool, minutes: int
) -> None:
    assert phrase.parse(text) == phrase.Phrase(exchange, is_close, minutes)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("30 minutes befor NYSE close", "Did you mean 'before'"),
        ("30 minutes before NYSE", "nor a cron line"),
        ("at 15:30", "neither a phrase such as"),
        ("30 minutes before NYSY close", "No exchange is named 'NYSY'"),
        ("13 hours before NYSE close", "more than 12 hours away"),
    ],
)
def test_a_bad_phrase_is_refused_with_the_mend(text: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        phrase.parse(text)


@pytest.mark.parametrize(
    "line", ["* * * * *", "0 9 * jan-mar sun", "0 9 * oct,nov mon-fri", "0 0 L * tue#2", "@daily"]
)
def test_a_cron_line_does_not_look_like_a_phrase(line: str) -> None:
    assert not phrase.looks_like_one(line)


def test_before_the_close_follows_the_early_close_of_a_half_day() -> None:
    parsed = phrase.parse("30 minutes before NYSE close")
    wednesday = phrase.next_moment(parsed, utc(2026, 11, 25, 12, 0))
    assert wednesday == utc(2026, 11, 25, 20, 30)
    # Thursday is Thanksgiving, Friday a half day.
    assert phrase.next_moment(parsed, wednesday) == utc(2026, 11, 27, 17, 30)


@given(
    st.sampled_from(["NYSE", "XETRA", "XHKG"]),
    st.booleans(),
    st.integers(-720, 720),
    st.integers(0, 20 * 365 * 24 * 60),
)
@settings(max_examples=100, deadline=None)
def test_a_phrase_is_due_once_for_every_session(
    exchange: str, is_close: bool, minutes: int, offset: int
) -> None:
    code, after = calendar(exchange).code, utc(2006, 1, 1) + timedelta(minutes=offset)
    due = phrase.next_moment(phrase.Phrase(code, is_close, minutes), after)
    assert due is not None
    assert due > after
    edge = due - timedelta(minutes=minutes)
    just_before = edge - timedelta(milliseconds=1)
    session = (
        sessions.current_session(calendar(exchange), just_before)
        if is_close
        else sessions.next_session(calendar(exchange), just_before)
    )
    assert session is not None
    assert (session.close if is_close else session.open) == edge
    earlier = sessions.previous_session(calendar(exchange), session.open)
    assert earlier is not None
    assert (earlier.close if is_close else earlier.open) + timedelta(minutes=minutes) <= after


def test_nothing_is_due_behind_the_end_of_a_calendar() -> None:
    assert phrase.next_moment(phrase.parse("at NYSE open"), utc(2060, 1, 1)) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "1 hour before NYSE close",
            "60 minutes before the close of each session of XNYS, the early close on half days",
        ),
        ("1 minute after LSE open", "1 minute after the open of each session of XLON"),
        ("at LSE open", "At the open of each session of XLON"),
    ],
)
def test_a_phrase_is_told_in_plain_words(text: str, words: str) -> None:
    assert phrase.explain(phrase.parse(text)) == words
