"""What an account holds, as limits measure it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from backend.brokers.base import AccountSnapshot, Position, WorkingOrder
from backend.trading.risk import Book
from backend.workflow import exposure


def position(conid: int, quantity: int, price: int, currency: str = "USD") -> Position:
    return Position(
        conid=conid,
        symbol=f"S{conid}",
        quantity=Decimal(quantity),
        average_cost=Decimal(price),
        market_price=Decimal(price),
        market_value=Decimal(quantity * price),
        unrealized_pnl=Decimal(0),
        realized_pnl=Decimal(0),
        currency=currency,
    )


def order(conid: int, side: str, quantity: int, price: int | None = 10, **rest: Any) -> Any:
    usual = {"stop_price": None, "filled": Decimal(0)}
    return WorkingOrder(
        order_id="1",
        client_order_id=None,
        conid=conid,
        symbol=f"S{conid}",
        side=side,
        order_type="LMT",
        quantity=Decimal(quantity),
        limit_price=None if price is None else Decimal(price),
        status="Submitted",
        **usual | rest,
    )


def snapshot(*positions: Position, orders: tuple[Any, ...] = ()) -> AccountSnapshot:
    return AccountSnapshot(
        account="DU1",
        currency="USD",
        is_paper=True,
        cash=Decimal(0),
        equity=Decimal(100_000),
        buying_power=Decimal(0),
        day_pnl=None,
        taken_at=datetime(2026, 11, 20, tzinfo=UTC),
        positions=positions,
        working_orders=orders,
    )


def book(held: AccountSnapshot, without: int | None = None) -> tuple[list[int], int, int]:
    found = exposure.book(held, without=without)
    assert found is not None
    return [int(each) for each in found.others], int(found.net_long), int(found.net_short)


def test_longs_and_shorts_count_by_their_worth_the_largest_first() -> None:
    held = snapshot(position(1, 10, 100), position(2, -30, 50), position(3, 5, 20))
    assert book(held) == ([1500, 1000, 100], -400, 400)
    assert book(held, without=2) == ([1000, 100], 1100, -1100)


def test_an_empty_account_holds_nothing() -> None:
    assert exposure.book(snapshot()) == Book()


def test_orders_count_as_filled_where_that_adds() -> None:
    entering = snapshot(orders=(order(1, "BUY", 10, 100),))
    assert book(entering) == ([1000], 1000, 0)
    # A stop that only closes what is held adds nothing.
    protected = snapshot(position(1, 10, 100), orders=(order(1, "SELL", 10, 95),))
    assert book(protected) == ([1000], 1000, -50)
    half_filled = snapshot(orders=(order(1, "BUY", 10, 100, filled=Decimal(4)),))
    assert book(half_filled) == ([600], 600, 0)


def test_an_order_at_any_price_is_worth_what_the_instrument_costs_where_that_is_known() -> None:
    held = position(1, 10, 100)
    assert book(snapshot(held, orders=(order(1, "BUY", 5, None),))) == ([1500], 1500, -1000)
    assert exposure.book(snapshot(orders=(order(1, "BUY", 5, None),))) is None
    stop = order(1, "SELL", 5, None, stop_price=Decimal(90))
    assert book(snapshot(orders=(stop,))) == ([450], 0, 450)


def test_a_position_in_another_currency_is_not_measured() -> None:
    held = snapshot(position(1, 10, 100), position(2, 1, 1, currency="EUR"))
    assert exposure.book(held) is None
    assert book(held, without=2) == ([1000], 1000, -1000)


def test_shares_of_one_instrument_held_and_at_work() -> None:
    held = snapshot(
        position(1, -10, 100),
        orders=(order(1, "BUY", 7), order(1, "SELL", 5, filled=Decimal(2)), order(2, "BUY", 9)),
    )
    assert exposure.held(held.positions, 1) == -10
    assert exposure.working(held.working_orders, 1) == (Decimal(7), Decimal(3))
