"""One part of a session second by second: what an order meets."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from backend.core.values import IntArray
from backend.papergateway.prices.path import SECONDS, Minutes
from backend.papergateway.prices.quotes import book
from backend.papergateway.prices.tape import Tape


class Part(StrEnum):
    PRE = "pre"
    REGULAR = "regular"
    POST = "post"


@dataclass(frozen=True)
class Book:
    """The best prices of one second in ticks, and the shares that stand there."""

    bid: int
    ask: int
    bid_size: int
    ask_size: int


@dataclass(frozen=True, eq=False)
class Seconds:
    """
    `start_ms` is where second 0 begins; prices are ticks.

    `traded_until` are the shares of the part before each second, and at last of all of it.
    """

    start_ms: int
    last: IntArray
    traded_until: IntArray
    minutes: Minutes
    is_regular: bool
    tape: Tape

    def __len__(self) -> int:
        return len(self.last)

    def index(self, moment_ms: int) -> int:
        """The second that holds this moment; it may lie outside."""
        return (moment_ms - self.start_ms) // 1000

    def moment(self, index: int) -> int:
        return self.start_ms + 1000 * index

    def bar(self, index: int) -> tuple[int, int]:
        """Low and high of the minute around a second: no trade ever lies outside."""
        minute = index // SECONDS
        return int(self.minutes.l[minute]), int(self.minutes.h[minute])

    def book(self, index: int) -> Book:
        bid, ask, sizes = book(
            self.tape, int(self.last[index]), self.moment(index), is_regular=self.is_regular
        )
        return Book(bid, ask, sizes[0], sizes[1])


def seconds(tape: Tape, index: int, part: Part) -> Seconds:
    """The part of session number `index`, which has prices."""
    made = {Part.PRE: tape.pre, Part.REGULAR: tape.regular, Part.POST: tape.post}[part](index)
    return Seconds(
        start_ms=int(made.t[0]),
        last=_prices(made),
        traded_until=_traded_until(made),
        minutes=made,
        is_regular=part is Part.REGULAR,
        tape=tape,
    )


def _prices(made: Minutes) -> IntArray:
    """`Minutes.seconds` of all minutes at once, by the arithmetic of `np.interp`."""
    o, h, low, c, _, first, second, high_first = made.table[:, :, None]
    one, two = np.where(high_first, h, low), np.where(high_first, low, h)
    at = np.arange(SECONDS)
    path = np.where(
        at < first,
        o + at * ((one - o) / first),
        np.where(
            at < second,
            one + (at - first) * ((two - one) / (second - first)),
            two + (at - second) * ((c - two) / (SECONDS - 1 - second)),
        ),
    )
    return np.asarray(np.rint(path), dtype=np.int64).ravel()


def _traded_until(made: Minutes) -> IntArray:
    before = np.cumsum(made.v) - made.v
    inside = made.v[:, None] * np.arange(SECONDS) // SECONDS
    return np.append((before[:, None] + inside).ravel(), made.v.sum())
