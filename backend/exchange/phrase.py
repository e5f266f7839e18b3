"""Moments told by a session: "30 minutes before NYSE close", "at XETRA open"."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from backend.core.clock import from_ms, to_ms
from backend.core.errors import InvalidInput, did_you_mean
from backend.exchange import calendars

_FORM = re.compile(
    r"(?:(?P<amount>\d{1,4}) (?P<unit>minutes?|mins?|hours?) (?P<side>before|after)|at)"
    r" (?:the )?(?P<exchange>\S+?)(?:'s)? (?P<edge>open|close)",
    re.IGNORECASE,
)
_WORDS = ("minute", "minutes", "hour", "hours", "before", "after", "at", "open", "close")
_LONGEST_MINUTES = 12 * 60


@dataclass(frozen=True)
class Phrase:
    """`minutes` is negative before, positive after the session's open or close."""

    exchange: str
    """The calendar's code."""
    is_close: bool
    minutes: int


@lru_cache(maxsize=4096)
def looks_like_one(text: str) -> bool:
    """Whether somebody meant a phrase, right or wrong, rather than a cron line."""
    words = text.lower().split()
    return any(word in _WORDS or did_you_mean(word, _WORDS) for word in words)


@lru_cache(maxsize=4096)
def parse(text: str) -> Phrase:
    """
    Raises `InvalidInput` that shows the form and the nearest word, `UnknownName` for the exchange.

    At most 12 hours away from the session's edge.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise InvalidInput(
            f"{text!r} is neither a phrase such as '30 minutes before NYSE close' or 'at NYSE"
            f" open', nor a cron line such as '30 15 * * 1-5'.{_nearest_word(text)}"
        )
    is_hours = (match["unit"] or "").lower().startswith("h")
    minutes = int(match["amount"] or 0) * (60 if is_hours else 1)
    if minutes > _LONGEST_MINUTES:
        raise InvalidInput(
            f"{text!r} is more than 12 hours away from the {match['edge'].lower()};"
            " name a moment nearer to it."
        )
    is_before = (match["side"] or "").lower() == "before"
    return Phrase(
        exchange=calendars.code_of(match["exchange"]),
        is_close=match["edge"].lower() == "close",
        minutes=-minutes if is_before else minutes,
    )


def next_moment(phrase: Phrase, after: datetime) -> datetime | None:
    """
    The first moment strictly after `after`, in UTC; None behind the calendar's end.

    Counted in real time from each session's own open or close, so half days are followed.
    """
    calendar = calendars.calendar(phrase.exchange)
    edges = calendar.close_list if phrase.is_close else calendar.open_list
    shift = phrase.minutes * 60_000
    row = bisect_right(edges, to_ms(after) - shift)
    return from_ms(edges[row] + shift) if row < len(edges) else None


def explain(phrase: Phrase) -> str:
    """In plain words, without a full stop."""
    edge = "close" if phrase.is_close else "open"
    when = f"At the {edge}"
    if phrase.minutes:
        amount, side = abs(phrase.minutes), "before" if phrase.minutes < 0 else "after"
        when = f"{amount} minute{'s' if amount > 1 else ''} {side} the {edge}"
    early = ", the early close on half days" if phrase.is_close else ""
    return f"{when} of each session of {phrase.exchange}{early}"


def _nearest_word(text: str) -> str:
    for word in text.lower().split():
        if word not in _WORDS and (hint := did_you_mean(word, _WORDS)):
            return hint
    return ""
