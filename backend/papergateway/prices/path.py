"""
Seeded prices inside a bar: a day falls into minutes, a minute into seconds.

A path starts at the open, visits the high and the low in a seeded order at seeded moments and ends
at the close; between these knots it is a Brownian bridge, folded back where it would leave the
bar's range. All prices are integer ticks and all volumes whole shares, so that the parts add up to
the whole exactly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from backend.core.values import FloatArray, IntArray
from backend.papergateway.prices.calendar import MINUTE_MS

SECONDS = 60


@dataclass(frozen=True)
class Shape:
    """What a path has to reproduce: prices in ticks, volume in shares."""

    open: int
    high: int
    low: int
    close: int
    volume: int


class Minutes:
    """
    One-minute bars, oldest first: `t` is each start in UTC ms, prices in ticks, `v` in shares.

    Within a minute the price moves in straight lines from the open to one extreme, to the other
    and to the close at second 59; rows 5 to 7 of `table` hold the seconds of the two extremes and
    whether the high comes first.
    """

    def __init__(self, t: IntArray, table: IntArray) -> None:
        self.t, self.table = t, table
        self.o, self.h, self.l, self.c, self.v = table[:5]

    def __len__(self) -> int:
        return len(self.t)

    def seconds(self, index: int) -> IntArray:
        """The last price at the end of each of the 60 seconds of a minute, in ticks."""
        o, h, low, c, _, first, second, high_first = self.table[:, index].tolist()
        prices = (o, h, low, c) if high_first else (o, low, h, c)
        path = np.interp(np.arange(SECONDS), (0, first, second, SECONDS - 1), prices)
        return np.asarray(np.rint(path), dtype=np.int64)

    def volume_until(self, index: int, second: int) -> int:
        """Shares traded in a minute up to the end of `second` (0 to 59)."""
        return int(self.v[index]) * (second + 1) // SECONDS

    def until(self, now_ms: int) -> "Minutes":
        """The minutes that have begun by `now_ms`, the last one only as far as it has come."""
        count = int(np.searchsorted(self.t, now_ms, side="right"))
        table, last = self.table[:, :count], count - 1
        second = (now_ms - int(self.t[last])) // 1000 if count else SECONDS
        if second < SECONDS - 1:
            path = self.seconds(last)[: second + 1]
            table = table.copy()
            table[1:5, last] = path.max(), path.min(), path[-1], self.volume_until(last, second)
        return Minutes(self.t[:count], table)


def minutes(rng: Generator, start_ms: int, shape: Shape, weights: FloatArray) -> Minutes:
    """
    One bar for each of `weights`, which say how the volume spreads over the time.

    The bars' aggregate is `shape`, to the tick and to the share.
    """
    count = len(weights)
    edges, scale = _edges(rng, shape, count)
    opens, closes = edges[:-1], edges[1:]
    tops, bottoms = np.maximum(opens, closes), np.minimum(opens, closes)
    wicks = np.rint(rng.exponential(scale, (2, count)) / 2).astype(np.int64)
    # Half of the room at most, or every minute near the day's high would touch it.
    highs = tops + np.minimum(wicks[0], (shape.high - tops) // 2)
    lows = bottoms - np.minimum(wicks[1], (bottoms - shape.low) // 2)
    # A path of one or two minutes has no knots inside; its longest minute takes the extreme.
    highs[np.argmax(highs)] = shape.high
    lows[np.argmin(lows)] = shape.low
    shares = spread(shape.volume, weights * rng.lognormal(0.0, 0.4, count))
    turns = (
        rng.integers(1, 30, count),
        rng.integers(30, SECONDS - 1, count),
        rng.integers(0, 2, count),
    )
    t = start_ms + MINUTE_MS * np.arange(count)
    return Minutes(t, np.stack((opens, highs, lows, closes, shares, *turns)))


def _edges(rng: Generator, shape: Shape, count: int) -> tuple[IntArray, float]:
    """Prices at the `count + 1` ends of the minutes, and the typical move of one minute."""
    extent = shape.high - shape.low
    scale = 0.45 * extent / count**0.5
    walk = np.concatenate(([0.0], np.cumsum(rng.normal(0.0, 1.0, count)))) * scale
    at, prices = _knots(rng, shape, count)
    times = np.arange(count + 1)
    path = np.interp(times, at, prices) + walk - np.interp(times, at, walk[at])
    if extent:
        # The triangle wave that is the identity inside the range, so the knots stay put.
        path = shape.low + np.abs((path - shape.low + extent) % (2 * extent) - extent)
    edges = np.rint(path).astype(np.int64)
    edges[0], edges[-1] = shape.open, shape.close
    return edges, scale


def _knots(rng: Generator, shape: Shape, count: int) -> tuple[IntArray, list[int]]:
    early, late, coin = rng.random(3)
    if count < 4:
        return np.array([0, count]), [shape.open, shape.close]
    first = 1 + int(early * (count - 2))
    second = 1 + int(late * (count - 3))
    second += second >= first
    # A rising day tends to see its low first.
    low_first = coin < (0.7 if shape.close > shape.open else 0.3)
    extremes = [shape.low, shape.high] if low_first else [shape.high, shape.low]
    return (
        np.array([0, min(first, second), max(first, second), count]),
        [shape.open, *extremes, shape.close],
    )


def spread(volume: int, weights: FloatArray) -> IntArray:
    """Whole shares in proportion to `weights` that add up to `volume` exactly."""
    shares = np.cumsum(weights)
    total = np.floor(volume * (shares / shares[-1])).astype(np.int64)
    total[-1] = volume
    return np.asarray(np.diff(total, prepend=0))


def regular_weights(count: int) -> FloatArray:
    """The U of a trading day: busy at the open, busier at the close, calm at noon."""
    x = (np.arange(count) + 0.5) / count
    weights: FloatArray = 0.7 + 1.8 * (2 * x - 1) ** 4
    weights[-1] *= 3  # the closing auction
    return weights
