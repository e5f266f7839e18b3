"""
What an order gets at one second of the path, and which second is its next chance.

* An order trades at the other side's quote of the second: buys at the ask, sells at the bid.
* The book shows its size at the best price and as much on every tick behind it; what we take
  ourselves moves the price (slippage). A limit is never passed, and no trade lies outside the
  minute's own high and low, or history would contradict it.
* In a second we get at most one in `PARTICIPATION` of the shares that were traded in it, an order
  that has just arrived also what is displayed. The rest waits: that is a partial fill.
* Triggers look at the last price. Within a second the trigger comes first, then the trade.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.core.values import IntArray
from backend.papergateway.prices import Seconds
from backend.papergateway.trading.orders import WHOLE_PPM, Kind, Order, Side

PARTICIPATION = 4
LOOK_FIRST = 64
"""Seconds searched before the rest of the part: most orders that trade go on trading."""


@dataclass(frozen=True)
class Slice:
    """Shares at one price, in ticks."""

    price: int
    shares: int


def room(path: Seconds, index: int) -> int:
    """How many shares all our orders together get of what is traded in a second."""
    return int(_room(path, index, index + 1)[0])


def _room(path: Seconds, start: int, stop: int) -> IntArray:
    until = path.traded_until[start : stop + 1] // PARTICIPATION
    return np.diff(until)


def next_chance(order: Order, path: Seconds, start: int, stop: int) -> int | None:
    """The first second in [start, stop) in which this order may trigger or trade."""
    if order.held_ms is not None and order.filled >= order.held_shares:
        start = max(start, path.index(order.held_ms - 1) + 1)
    # A trail has to see every price before the one that triggers it.
    middle = stop if order.kind.trails else min(stop, start + LOOK_FIRST)
    found = _search(order, path, start, middle)
    return _search(order, path, middle, stop) if found is None else found


def _search(order: Order, path: Seconds, start: int, stop: int) -> int | None:
    if start >= stop:
        return None
    last = path.last[start:stop]
    if order.waits_for_trigger:
        chances = _triggers(order, last)
    else:
        chances = _within(order, last) & (_room(path, start, stop) > 0)
    first = int(chances.argmax())
    return start + first if chances[first] else None


def _triggers(order: Order, last: IntArray) -> NDArray[np.bool_]:
    triggers = _trail(order, last) if order.kind.trails else np.int64(order.stop or 0)
    is_buy = order.side is Side.BUY
    return np.asarray(last >= triggers if is_buy else last <= triggers)


def _trail(order: Order, last: IntArray) -> IntArray:
    """The trailing trigger at every second: it follows the best price so far."""
    best = np.minimum if order.side is Side.BUY else np.maximum
    marks = best.accumulate(last)
    if order.mark is not None:
        marks = best(marks, order.mark)
    if order.trail_ppm is not None:
        return np.asarray(marks + order.side.sign * (marks * order.trail_ppm // WHOLE_PPM))
    return np.asarray(marks + order.side.sign * (order.trail_ticks or 0))


def _within(order: Order, last: IntArray) -> NDArray[np.bool_]:
    """Where the limit allows a trade; the quote, which is no better than the last, decides."""
    cap = order.cap()
    if cap is None:
        return np.ones(len(last), dtype=np.bool_)
    return np.asarray(last <= cap if order.side is Side.BUY else last >= cap)


def follow(order: Order, path: Seconds, start: int, stop: int) -> None:
    """Let a trail see the prices of [start, stop)."""
    if not order.kind.trails or order.is_triggered or start >= stop:
        return
    last = path.last[start:stop]
    best = int(last.min() if order.side is Side.BUY else last.max())
    pick = min if order.side is Side.BUY else max
    order.mark = best if order.mark is None else pick(order.mark, best)


def is_triggered(order: Order, last: int) -> bool:
    trigger = order.trigger()
    if trigger is None:
        return False
    return last >= trigger if order.side is Side.BUY else last <= trigger


def take(order: Order, path: Seconds, index: int, *, most: int, taken: int) -> Iterator[Slice]:
    """
    At most `most` shares at this second, level by level; `taken` were taken before by our others.

    An order for the opening trades at its first price, without a spread.
    """
    book, (low, high) = path.book(index), path.bar(index)
    is_buy = order.side is Side.BUY
    price, size = (book.ask, book.ask_size) if is_buy else (book.bid, book.bid_size)
    if order.kind is Kind.MIDPRICE:
        # To a whole tick, against us.
        price = (book.bid + book.ask + is_buy) // 2
    if order.opens_ms is not None:
        price, size = int(path.last[index]), max(most, 1)
    cap = order.cap()
    while most > 0:
        level, behind = divmod(taken, size)
        at = min(max(price + order.side.sign * level, low), high)
        if cap is not None and (at - cap) * order.side.sign > 0:
            return
        shares = min(most, size - behind)
        yield Slice(at, shares)
        most, taken = most - shares, taken + shares


def displayed(order: Order, path: Seconds, index: int) -> int:
    """What stands on the other side of the book for an order that has just arrived."""
    book = path.book(index)
    return book.ask_size if order.side is Side.BUY else book.bid_size
