"""The minutes of one instrument, made when they are asked for and kept for a while."""

from functools import lru_cache
from hashlib import blake2b
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from backend.core.values import IntArray
from backend.papergateway.prices.calendar import MINUTE_MS, Sessions
from backend.papergateway.prices.history import History, Rows
from backend.papergateway.prices.laying import LaidHistory
from backend.papergateway.prices.path import Minutes, Shape, minutes, regular_weights

# 256 sessions hold a thousand bars of any length from one hour down, in 7 MB a symbol.
_SESSIONS_KEPT, _EXTENDED_KEPT = 256, 32
_REGULAR, _PRE, _POST = range(3)
# A user's own minute turns at its 20th and 40th second, low first.
_TURNS = np.array([[20], [40], [0]])
# Extended hours move an eighth of the day's range and trade a few hundredths of its volume.
_EXTENDED_RANGE = 8
_PRE_VOLUME, _POST_VOLUME = 64, 96


class Tape:
    """Every price is a function of the seed, the symbol and the session's day alone."""

    def __init__(
        self, symbol: str, history: History, laid: LaidHistory, sessions: Sessions, seed: int
    ) -> None:
        self.laid, self.sessions = laid, sessions
        self._rows = history.rows
        self._seed = (seed, crc32(symbol.encode()))
        self.regular = lru_cache(maxsize=_SESSIONS_KEPT)(self._regular)
        self.pre = lru_cache(maxsize=_EXTENDED_KEPT)(self._pre)
        self.post = lru_cache(maxsize=_EXTENDED_KEPT)(self._post)

    def shape(self, index: int) -> Shape:
        laid = self.laid
        columns = (laid.open, laid.high, laid.low, laid.close, laid.volume)
        return Shape(*(int(column[index]) for column in columns))

    def segments(self, index: int, *, extended: bool) -> list[Minutes]:
        """The regular session, between the hours before and after it where they are asked for."""
        if not extended:
            return [self.regular(index)]
        return [self.pre(index), self.regular(index), self.post(index)]

    def dice(self, moment_ms: int) -> int:
        """64 bits that any process draws for the same moment."""
        text = f"{self._seed}{moment_ms}".encode()
        return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")

    def _regular(self, index: int) -> Minutes:
        start, count = int(self.sessions.opens[index]), self.sessions.minutes(index)
        rng, row = self._rng(index, _REGULAR), int(self.laid.row[index])
        if self._rows is not None and row >= 0 and _fits(self._rows, row, count):
            return _from_rows(rng, self._rows, row, start, count)
        return minutes(rng, start, self.shape(index), regular_weights(count))

    def _pre(self, index: int) -> Minutes:
        start, stop = int(self.sessions.pres[index]), int(self.sessions.opens[index])
        day, prior = self.shape(index), int(self.laid.prior[index])
        shape = _extended(day, prior, day.open, day.volume // _PRE_VOLUME)
        rising = np.linspace(0.2, 2.0, (stop - start) // MINUTE_MS)
        return minutes(self._rng(index, _PRE), start, shape, rising)

    def _post(self, index: int) -> Minutes:
        start, stop = int(self.sessions.closes[index]), int(self.sessions.posts[index])
        day = self.shape(index)
        # The evening ends where the day closed, so that one number is the price overnight.
        shape = _extended(day, day.close, day.close, day.volume // _POST_VOLUME)
        falling = np.linspace(2.0, 0.2, (stop - start) // MINUTE_MS)
        return minutes(self._rng(index, _POST), start, shape, falling)

    def _rng(self, index: int, part: int) -> np.random.Generator:
        return np.random.default_rng((*self._seed, int(self.sessions.days[index]), part))


def _extended(day: Shape, start: int, end: int, volume: int) -> Shape:
    reach = (day.high - day.low) // _EXTENDED_RANGE
    high, low = max(start, end) + reach, min(start, end) - reach
    return Shape(start, high, max(low, 1), end, volume)


def _fits(rows: Rows, row: int, count: int) -> bool:
    """A full day's rows cannot be served on a half day; its aggregate can."""
    return bool(rows.minute[rows.first[row + 1] - 1] < count)


def _from_rows(
    rng: np.random.Generator, rows: Rows, row: int, start_ms: int, count: int
) -> Minutes:
    """Each row on its own minutes; minutes without a row stand at the price before them."""
    span = slice(int(rows.first[row]), int(rows.first[row + 1]))
    columns = (rows.open, rows.high, rows.low, rows.close, rows.volume)
    values, at = np.stack([column[span] for column in columns]), rows.minute[span]
    lengths = np.minimum(rows.length[span], count - at)
    table, known = np.zeros((8, count), dtype=np.int64), np.zeros(count, dtype=np.bool_)
    table[5:] = _TURNS
    for length in np.unique(lengths).tolist():
        alike = lengths == length
        places = at[alike][:, None] + np.arange(length)
        table[:5, places] = _split(rng, values[:, alike], length)
        known[places] = True
    _stand_still(table, known)
    return Minutes(start_ms + MINUTE_MS * np.arange(count), table)


def _split(rng: np.random.Generator, values: IntArray, length: int) -> IntArray:
    """
    Rows o, h, l, c, v of one length as minutes: an axis more, the minutes' own aggregate the row.

    The path goes straight to one extreme at a third of the row, to the other at two thirds.
    """
    o, h, low, c, v = values
    low_first = rng.integers(0, 2, len(o)) == 1
    knots = np.stack((o, np.where(low_first, low, h), np.where(low_first, h, low), c), axis=1)
    times, turns = np.arange(length + 1), np.linspace(0, length, 4)
    shares_of_knots = np.stack([np.interp(times, turns, knot) for knot in np.eye(4)])
    edges = np.rint(knots @ shares_of_knots).astype(np.int64)
    opens, closes = edges[:, :-1], edges[:, 1:]
    highs, lows, each = np.maximum(opens, closes), np.minimum(opens, closes), np.arange(len(o))
    highs[each, highs.argmax(axis=1)] = h
    lows[each, lows.argmin(axis=1)] = low
    traded = v[:, None] * times // length
    return np.stack((opens, highs, lows, closes, np.diff(traded, axis=1)))


def _stand_still(table: IntArray, known: NDArray[np.bool_]) -> None:
    before = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    first_open = table[0, known.argmax()]
    table[:4, ~known] = np.where(before < 0, first_open, table[3, before])[~known]
