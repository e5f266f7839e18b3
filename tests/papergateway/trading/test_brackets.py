"""Parents, children and one-cancels-all groups."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from backend.papergateway.trading import placing, tickets
from backend.papergateway.trading.advance import advance
from backend.papergateway.trading.desk import Desk
from backend.papergateway.trading.orders import Order, Status
from backend.papergateway.trading.placing import Failure, Twist
from backend.papergateway.trading.tickets import Refused, Ticket

AAPL = 265598
HOUR = 3_600_000
Bracket = Callable[..., list[Any]]


def ticket(**body: Any) -> Ticket:
    usual = {"conid": AAPL, "side": "BUY", "orderType": "MKT", "tif": "GTC", "quantity": 100}
    return tickets.read({**usual, **body})


def last(desk: Desk) -> Decimal:
    quote = desk.market.quote(AAPL, desk.now_ms)
    assert quote is not None
    return quote.last


@pytest.fixture
def bracket(desk: Desk) -> Bracket:
    def placed(
        twist: Twist | None = None, target: float = 1, stop: float = 1, **entry: Any
    ) -> list[Any]:
        price = last(desk)
        out = {"parentId": "entry", "side": "SELL"}
        return placing.place(
            desk,
            [
                ticket(cOID="entry", **entry),
                ticket(**out, orderType="LMT", price=float(price + Decimal(str(target)))),
                ticket(**out, orderType="STP", price=float(price - Decimal(str(stop)))),
            ],
            twist,
        )

    return placed


def test_children_are_held_until_the_parent_is_filled(desk: Desk, bracket: Bracket) -> None:
    entry, target, stop = bracket(orderType="LMT", price=float(last(desk) - 1))
    assert [each.status for each in (entry, target, stop)] == [
        Status.SUBMITTED,
        Status.PRE_SUBMITTED,
        Status.PRE_SUBMITTED,
    ]
    while not entry.filled:
        advance(desk, desk.now_ms + 1_000)
        assert target.filled == stop.filled == 0
    assert target.status is Status.SUBMITTED
    assert stop.status is Status.PRE_SUBMITTED


@pytest.mark.parametrize(("target", "stop", "wins"), [(0.5, 60, 1), (60, 0.5, 2)])
def test_when_one_child_fills_the_other_is_cancelled(
    desk: Desk, bracket: Bracket, target: float, stop: float, wins: int
) -> None:
    orders = bracket(target=target, stop=stop)
    assert orders[0].status is Status.FILLED
    advance(desk, desk.now_ms + 5 * HOUR)
    winner, loser = orders[wins], orders[3 - wins]
    assert (winner.status, loser.status, loser.filled) == (Status.FILLED, Status.CANCELLED, 0)
    assert desk.state.books.held(AAPL) == 0


def test_a_cancelled_parent_takes_its_children_along(desk: Desk, bracket: Bracket) -> None:
    entry, target, stop = bracket(orderType="LMT", price=float(last(desk) - 50))
    desk.request_cancel(entry)
    advance(desk, desk.now_ms + 1_000)
    assert {each.status for each in (entry, target, stop)} == {Status.CANCELLED}
    assert stop.reason == "The parent order ended without a fill."


def test_a_partly_filled_parent_is_protected_for_what_it_has(desk: Desk, bracket: Bracket) -> None:
    entry, target, stop = bracket(
        Twist(first_shares=30, rest_after_ms=10 * HOUR),
        orderType="LMT",
        price=float(last(desk) + 1),
        stop=50,
        target=50,
    )
    assert (entry.filled, entry.status) == (30, Status.SUBMITTED)
    assert target.status is Status.SUBMITTED
    assert target.quantity == 100
    desk.request_cancel(entry)
    advance(desk, desk.now_ms + 1_000)
    assert (target.quantity, stop.quantity) == (30, 30)
    assert target.is_working
    assert stop.is_working


def test_a_partly_filled_target_leaves_the_stop_over_the_rest(desk: Desk) -> None:
    price = last(desk)
    out = {"parentId": "entry", "side": "SELL"}
    entry, near, far, stop = placing.place(
        desk,
        [
            ticket(cOID="entry"),
            ticket(**out, orderType="LMT", price=float(price + Decimal("0.5")), quantity=60),
            ticket(**out, orderType="LMT", price=float(price + 50), quantity=40),
            ticket(**out, orderType="STP", price=float(price - 40)),
        ],
    )
    assert all(isinstance(each, Order) for each in (entry, near, far, stop))
    advance(desk, desk.now_ms + 5 * HOUR)
    assert near.status is Status.FILLED  # type: ignore[union-attr]
    assert far.quantity == stop.quantity == 40  # type: ignore[union-attr]
    assert stop.is_working  # type: ignore[union-attr]


def test_a_child_can_be_added_to_a_parent_that_is_filled(desk: Desk) -> None:
    (entry,) = placing.place(desk, [ticket(cOID="first")])
    assert isinstance(entry, Order)
    for name in ("first", str(entry.id)):
        (stop,) = placing.place(
            desk,
            [ticket(parentId=name, side="SELL", orderType="STP", price=float(last(desk) - 9))],
        )
        assert isinstance(stop, Order)
        assert stop.parent_id == entry.id


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"side": "BUY"}, "close the position"),
        ({"quantity": 101}, "larger than its parent"),
        ({"conid": 8314}, "close the position"),
        ({"tif": "IOC"}, "cannot be IOC"),
    ],
)
def test_a_parent_lives_although_its_child_is_refused(
    desk: Desk, change: dict[str, Any], words: str
) -> None:
    usual = {"parentId": "p", "side": "SELL", "orderType": "STP", "price": 100.0}
    entry, child = placing.place(desk, [ticket(cOID="p"), ticket(**{**usual, **change})])
    assert isinstance(child, Failure)
    assert words in child.text
    assert isinstance(entry, Order)
    assert entry.status is Status.FILLED


def test_a_child_of_an_unknown_contract_refuses_everything(desk: Desk) -> None:
    child = ticket(parentId="p", side="SELL", orderType="STP", price=100.0, conid=4711)
    with pytest.raises(Refused, match="No security definition"):
        placing.place(desk, [ticket(cOID="p"), child])
    assert desk.state.orders == {}


def test_a_child_of_an_unknown_parent_refuses_everything(desk: Desk) -> None:
    child = ticket(parentId="q", side="SELL", orderType="STP", price=100.0)
    with pytest.raises(Refused, match="Parent order q was not found"):
        placing.place(desk, [ticket(cOID="p"), child])
    assert desk.state.orders == {}


def test_the_first_fill_of_a_group_cancels_the_others(desk: Desk) -> None:
    price = last(desk)
    lows = [Decimal("0.3"), Decimal("0.6"), Decimal("0.9")]
    orders = placing.place(
        desk,
        [ticket(orderType="LMT", price=float(price - low), isSingleGroup=True) for low in lows],
    )
    advance(desk, desk.now_ms + 5 * HOUR)
    assert [each.status for each in orders if isinstance(each, Order)] == [
        Status.FILLED,
        Status.CANCELLED,
        Status.CANCELLED,
    ]
    assert desk.state.books.held(AAPL) == 100
