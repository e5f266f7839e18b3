"""The minutes of one instrument, made when they are asked for and kept for a while."""

from functools import lru_cache
from hashlib import blake2b
from zlib import crc32

import numpy as np

from backend.core.values import FloatArray, IntArray
from backend.papergateway.prices.calendar import MINUTE_MS, Sessions
from backend.papergateway.prices.history import History, Rows
from backend.papergateway.prices.laying import LaidHistory
from backend.papergateway.prices.path import Minutes, Shape, minutes, regular_weights

# 256 sessions serve a thousand bars of any length from one hour down, in about 6 MB a symbol.
_SESSIONS_KEPT = 256
_REGULAR, _PRE, _POST = range(3)
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
        keep = lru_cache(maxsize=_SESSIONS_KEPT)
        self.regular, self.pre, self.post = keep(self._regular), keep(self._pre), keep(self._post)

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
    span = range(int(rows.first[row]), int(rows.first[row + 1]))
    table = np.zeros((8, count), dtype=np.int64)
    seconds = np.array([[20], [40], [0]])
    table[5:] = seconds
    at, price = 0, int(rows.open[span[0]])
    for index in span:
        minute = int(rows.minute[index])
        table[:4, at:minute] = price
        at = min(minute + int(rows.length[index]), count)
        table[:, minute:at] = _row_minutes(rng, rows, index, at - minute)
        price = int(rows.close[index])
    table[:4, at:] = price
    return Minutes(start_ms + MINUTE_MS * np.arange(count), table)


def _row_minutes(rng: np.random.Generator, rows: Rows, index: int, count: int) -> IntArray:
    columns = (rows.open, rows.high, rows.low, rows.close, rows.volume)
    shape = Shape(*(int(column[index]) for column in columns))
    weights: FloatArray = np.ones(count)
    return minutes(rng, 0, shape, weights).table
