"""What a screen would show of an instrument at one second."""

from dataclasses import dataclass
from decimal import Decimal

from backend.papergateway.prices.bars import money
from backend.papergateway.prices.calendar import Session
from backend.papergateway.prices.path import Minutes, Shape
from backend.papergateway.prices.tape import Tape

# One basis point of the price, never less than a tick; extended hours are wider.
_SPREAD = 10_000
_EXTENDED_SPREAD = 2_000
_LOT = 100


@dataclass(frozen=True, kw_only=True)
class PaperQuote:
    """
    Prices in the instrument's currency, sizes and volume in shares.

    `open`, `high`, `low` and `volume` count the regular session of the current trading day so far,
    which begins with its pre-market and lasts until the next one; None before its open.
    `updated_ms` is the second of the last trade.
    """

    last: Decimal
    bid: Decimal
    ask: Decimal
    bid_size: int
    ask_size: int
    last_size: int
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    volume: int
    prior_close: Decimal
    is_open: bool
    updated_ms: int


def quote(tape: Tape, now_ms: int) -> PaperQuote | None:
    """None before the first session that has prices; the last trade stands until the next one."""
    index = tape.sessions.current(now_ms)
    while index >= 0 and not tape.laid.has[index]:
        index -= 1
    if index < 0:
        return None
    session = tape.sessions[index]
    updated_ms = min(now_ms // 1000, session.post_ms // 1000 - 1) * 1000
    seen = _segment(tape, index, session, now_ms).until(now_ms)
    last = int(seen.c[-1])
    is_regular = session.open_ms <= now_ms < session.close_ms
    today = _joined(seen) if is_regular else tape.shape(index)
    has_opened = now_ms >= session.open_ms
    bid, ask, sizes = book(tape, last, updated_ms, is_regular=is_regular)
    return PaperQuote(
        last=money(last),
        bid=money(bid),
        ask=money(ask),
        bid_size=sizes[0],
        ask_size=sizes[1],
        last_size=sizes[2],
        open=money(today.open) if has_opened else None,
        high=money(today.high) if has_opened else None,
        low=money(today.low) if has_opened else None,
        volume=today.volume if has_opened else 0,
        prior_close=money(int(tape.laid.prior[index])),
        is_open=is_regular,
        updated_ms=updated_ms,
    )


def _segment(tape: Tape, index: int, session: Session, now_ms: int) -> Minutes:
    if now_ms < session.open_ms:
        return tape.pre(index)
    return tape.regular(index) if now_ms < session.close_ms else tape.post(index)


def _joined(seen: Minutes) -> Shape:
    high, low = int(seen.h.max()), int(seen.l.min())
    return Shape(int(seen.o[0]), high, low, int(seen.c[-1]), int(seen.v.sum()))


def book(tape: Tape, last: int, second_ms: int, *, is_regular: bool) -> tuple[int, int, list[int]]:
    """Bid, ask and the sizes at bid, ask and last; the last trade was at one of the two prices."""
    dice = tape.dice(second_ms)
    width = max(1, last // (_SPREAD if is_regular else _EXTENDED_SPREAD))
    at_ask = dice & 1 and last > width
    bid = last - width if at_ask else last
    sizes = [_LOT * (1 + (dice >> shift) % 20) for shift in (8, 16, 24)]
    return bid, bid + width, sizes
