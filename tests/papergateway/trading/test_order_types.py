"""Each order type and time in force, against the path that it meets."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from backend.papergateway.prices import Part, Seconds
from backend.papergateway.prices.bars import money
from backend.papergateway.trading import placing, tickets
from backend.papergateway.trading.advance import advance
from backend.papergateway.trading.desk import Desk
from backend.papergateway.trading.matching import PARTICIPATION
from backend.papergateway.trading.orders import Order, Status

AAPL, IBM = 265598, 8314
HOUR, DAY = 3_600_000, 86_400_000
Place = Callable[..., Order]


@pytest.fixture
def place(desk: Desk) -> Place:
    def placed(**body: Any) -> Order:
        usual = {"conid": AAPL, "side": "BUY", "orderType": "MKT", "tif": "DAY", "quantity": 100}
        (order,) = placing.place(desk, [tickets.read({**usual, **body})])
        assert isinstance(order, Order)
        return order

    return placed


def last(desk: Desk, conid: int = AAPL) -> Decimal:
    quote = desk.market.quote(conid, desk.now_ms)
    assert quote is not None
    return quote.last


def path_of(desk: Desk, conid: int = AAPL) -> Seconds:
    path = desk.path(conid, desk.phase())
    assert path is not None
    return path


def to_phase(desk: Desk, part: Part | None, *, minutes: int = 5) -> None:
    """To some minutes after the next beginning of this part of a day."""
    while True:
        turn_ms = desk.hours.next_turn(desk.now_ms)
        advance(desk, turn_ms)
        if desk.phase().part is part:
            advance(desk, turn_ms + minutes * 60_000)
            return


def test_a_market_order_pays_the_ask_and_a_sale_gets_the_bid(desk: Desk, place: Place) -> None:
    quote = desk.market.quote(AAPL, desk.now_ms)
    assert quote is not None
    assert place(quantity=10).average == quote.ask
    assert place(quantity=10, side="SELL").average == quote.bid


def test_what_exceeds_the_book_moves_the_price_and_waits_for_volume(
    desk: Desk, place: Place
) -> None:
    quote = desk.market.quote(IBM, desk.now_ms)
    assert quote is not None
    order = place(conid=IBM, quantity=10_000)
    assert order.status == "Submitted"
    assert order.filled == quote.ask_size
    before = order.filled
    advance(desk, desk.now_ms + 60_000)
    path, now = path_of(desk, IBM), path_of(desk, IBM).index(desk.now_ms)
    traded = int(path.traded_until[now + 1] - path.traded_until[now - 59])
    assert 0 < order.filled - before <= traded // PARTICIPATION + 1
    advance(desk, desk.now_ms + 5 * HOUR)
    assert order.status == "Filled"
    prices = {fill.price for fill in desk.state.fills}
    assert len(prices) > 10


def test_a_large_taker_walks_up_the_book_within_the_minutes_range(desk: Desk, place: Place) -> None:
    first, second = place(conid=IBM, quantity=1), place(conid=IBM, quantity=100)
    quote = desk.market.quote(IBM, desk.now_ms)
    assert quote is not None
    assert first.average == second.average == quote.ask
    size = quote.ask_size - 101
    third = place(conid=IBM, quantity=size + 500)
    assert third.filled == size


def test_a_limit_waits_for_its_price_and_never_pays_more(desk: Desk, place: Place) -> None:
    limit = last(desk) - Decimal("1.50")
    order = place(orderType="LMT", price=float(limit))
    assert (order.status, order.filled) == (Status.SUBMITTED, 0)
    advance(desk, desk.now_ms + 5 * HOUR)
    assert order.status == "Filled"
    assert order.average is not None
    assert limit - Decimal("0.40") < order.average <= limit
    path = path_of(desk)
    at = path.index(desk.state.fills[0].at_ms)
    # Some second before may have touched the limit at the bid, but none with the ask below it.
    assert (path.last[3_601:at] > int(limit * 100) - 6).all()


def test_a_stop_is_held_until_the_last_price_touches_it(desk: Desk, place: Place) -> None:
    stop = last(desk) - Decimal("2")
    order = place(orderType="STP", side="SELL", price=float(stop), tif="GTC")
    assert order.status == "PreSubmitted"
    advance(desk, desk.now_ms + DAY)
    assert order.status == "Filled"
    path = desk.path(AAPL, desk.hours.phase(order.placed_ms))
    assert path is not None
    at = path.index(desk.state.fills[0].at_ms)
    assert int(path.last[at]) <= stop * 100 < int(path.last[3_600:at].min())


def test_a_stop_limit_does_not_sell_below_its_limit(desk: Desk, place: Place) -> None:
    stop = last(desk) - Decimal("2")
    order = place(orderType="STOP_LIMIT", side="SELL", price=float(stop + 1), auxPrice=float(stop))
    triggered_alone = False
    for _ in range(300):
        advance(desk, desk.now_ms + 60_000)
        triggered_alone |= order.is_triggered and not order.filled
        assert order.filled == 0 or order.status == "Filled"
    assert triggered_alone
    assert order.average is None or order.average >= stop + 1


@pytest.mark.parametrize("trail", [{"trailingType": "amt", "trailingAmt": 1.5}])
def test_a_trailing_stop_follows_the_best_price(
    desk: Desk, place: Place, trail: dict[str, Any]
) -> None:
    begun = path_of(desk).index(desk.now_ms)
    order = place(orderType="TRAIL", side="SELL", **trail)
    advance(desk, desk.now_ms + 5 * HOUR)
    assert order.status == "Filled"
    path = path_of(desk)
    at = path.index(desk.state.fills[0].at_ms)
    best = np.maximum.accumulate(path.last[begun : at + 1])
    assert path.last[at] <= best[-1] - 150
    assert (path.last[begun:at] > best[:-1] - 150).all()
    assert order.mark == best[-1]


def test_a_trail_in_percent_with_a_first_trigger(desk: Desk, place: Place) -> None:
    stop = last(desk) - Decimal("3")
    order = place(
        orderType="TRAIL", side="SELL", price=float(stop), trailingType="%", trailingAmt=0.5
    )
    assert order.trigger() is not None
    assert abs(money(order.trigger() or 0) - last(desk) * Decimal("0.995")) < Decimal("0.5")
    advance(desk, desk.now_ms + 5 * HOUR)
    assert order.mark is not None
    assert order.trigger() == order.mark - order.mark * 5_000 // 1_000_000


def test_the_limit_of_a_trailing_limit_order_keeps_its_distance(desk: Desk, place: Place) -> None:
    price = last(desk)
    order = place(
        orderType="TRAILLMT",
        side="SELL",
        price=float(price - Decimal("1.20")),
        auxPrice=float(price - 1),
        trailingType="amt",
        trailingAmt=1,
    )
    advance(desk, desk.now_ms + HOUR)
    trigger, cap = order.trigger(), order.cap()
    assert trigger is not None
    assert cap == trigger - 20
    if order.filled:
        assert (order.average or 0) * 100 >= cap


def test_a_midprice_order_trades_between_bid_and_ask_and_not_above_its_cap(
    desk: Desk, place: Place
) -> None:
    advance(desk, desk.now_ms + 1_000)
    order = place(orderType="MIDPRICE", quantity=20)
    book = path_of(desk).book(path_of(desk).index(desk.now_ms))
    assert order.average == money((book.bid + book.ask + 1) // 2)
    assert book.bid < (order.average or 0) * 100 < book.ask
    capped = place(orderType="MIDPRICE", price=float(last(desk) - 20))
    advance(desk, desk.now_ms + HOUR)
    assert capped.filled == 0


def test_a_day_order_ends_with_the_session_and_a_gtc_order_lives_on(
    desk: Desk, place: Place
) -> None:
    low = float(last(desk) - 100)
    day, gtc = place(orderType="LMT", price=low), place(orderType="LMT", price=low, tif="GTC")
    late = place(orderType="LMT", price=low, outsideRTH=True)
    to_phase(desk, Part.POST)
    assert (day.status, gtc.status, late.status) == (
        Status.CANCELLED,
        Status.PRE_SUBMITTED,
        Status.SUBMITTED,
    )
    assert day.reason == "The order's time is over."
    to_phase(desk, None)
    assert late.status == "Cancelled"
    to_phase(desk, Part.REGULAR)
    assert gtc.status == "Submitted"


def test_immediate_or_cancel_takes_what_is_there(desk: Desk, place: Place) -> None:
    order = place(conid=IBM, quantity=9_000, tif="IOC")
    assert order.status == "Cancelled"
    assert 0 < order.filled < 9_000
    none = place(orderType="LMT", price=float(last(desk) - 1), tif="IOC")
    assert (none.status, none.filled) == (Status.CANCELLED, 0)


def test_an_order_for_the_opening_gets_the_opening_price_or_nothing(
    desk: Desk, place: Place
) -> None:
    order = place(tif="OPG")
    low = place(orderType="LMT", price=float(last(desk) - 50), tif="OPG")
    assert order.status == "PreSubmitted"
    to_phase(desk, Part.REGULAR, minutes=0)
    advance(desk, desk.now_ms + 1_000)
    assert order.average == money(int(path_of(desk).last[0]))
    assert order.status == "Filled"
    assert (low.status, low.filled) == (Status.CANCELLED, 0)


def test_outside_regular_hours_only_limits_that_ask_for_it_trade(desk: Desk, place: Place) -> None:
    to_phase(desk, Part.POST)
    near = float(last(desk) + 2)
    market = place(outsideRTH=True, tif="GTC")
    regular = place(orderType="LMT", price=near, tif="GTC")
    extended = place(orderType="LMT", price=near, tif="GTC", outsideRTH=True)
    advance(desk, desk.now_ms + HOUR)
    assert (market.filled, regular.filled, extended.filled) == (0, 0, 100)
    assert market.status == "PreSubmitted"
    to_phase(desk, Part.REGULAR)
    assert market.status == "Filled"


def test_a_market_order_of_the_night_is_filled_at_the_opening(desk: Desk, place: Place) -> None:
    to_phase(desk, None)
    order = place()
    assert order.status == "PreSubmitted"
    to_phase(desk, Part.REGULAR, minutes=1)
    assert order.status == "Filled"
    assert desk.state.fills[0].at_ms == desk.now_ms - 60_000


def test_a_cancelled_order_may_still_fill_for_a_moment(desk: Desk, place: Place) -> None:
    order = place(conid=IBM, quantity=9_000)
    advance(desk, (desk.now_ms // 1000 + 1) * 1000 - 200)
    filled = order.filled
    desk.request_cancel(order)
    assert order.status == "PendingCancel"
    advance(desk, desk.now_ms + 2_000)
    assert order.status == "Cancelled"
    assert filled < order.filled < 9_000


def test_years_with_a_forgotten_order_pass_in_a_moment(desk: Desk, place: Place) -> None:
    order = place(orderType="LMT", price=1, tif="GTC")
    advance(desk, desk.now_ms + 300 * DAY)
    assert order.is_working
    assert order.filled == 0
