"""Double entry: what each kind of trade does to the accounts."""

from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.papergateway.trading.ledger import Books, Fill, settled

CASH = Decimal(10_000)
NUMBERS = count(1)


def fill(quantity: int, price: str, commission: str = "1.00", at_ms: int = 0) -> Fill:
    return Fill(
        id=str(next(NUMBERS)),
        order_id=1,
        conid=7,
        quantity=quantity,
        price=Decimal(price),
        at_ms=at_ms,
        commission=Decimal(commission),
        told_ms=0,
        settles_ms=at_ms + 100,
        position=0,
        realised=Decimal(0),
    )


def after(*fills: Fill) -> Books:
    books = Books.opened_with(CASH)
    for each in fills:
        books.apply(each)
        assert books.balances()
    return books


def test_a_purchase_turns_cash_into_shares_and_a_fee() -> None:
    books = after(fill(10, "20.00"))
    assert books.cash == Decimal("9799.00")
    assert books.fees == 1
    assert books.realised == 0
    position = books.positions[7]
    assert position.quantity == 10
    assert position.cost == 200
    assert position.average_cost == Decimal("20.1")
    assert position.average_price == 20


def test_a_sale_realises_its_part_net_of_both_commissions() -> None:
    bought, sold = fill(10, "20.00"), fill(-5, "22.00")
    books = after(bought, sold)
    # Half the purchase's fee and all of the sale's.
    assert sold.realised == Decimal("10.00") - Decimal("0.50") - Decimal("1.00")
    assert books.positions[7].fees == Decimal("0.50")
    assert sold.position == 5
    assert books.realised == 10


def test_a_sale_through_zero_opens_a_short_position() -> None:
    books = after(fill(10, "20.00"), fill(-25, "21.00", "2.50"))
    position = books.positions[7]
    assert (position.quantity, position.cost) == (-15, Decimal("-315.00"))
    assert position.fees == Decimal("1.50")
    assert books.realised == 10


def test_a_short_position_gains_when_it_is_bought_back_cheaper() -> None:
    cover = fill(-10, "20.00"), fill(10, "18.50")
    books = after(*cover)
    assert cover[1].realised == Decimal("15.00") - 2
    assert books.cash == CASH + 15 - 2
    assert books.positions[7].quantity == 0


def test_odd_parts_leave_no_cent_behind() -> None:
    books = after(fill(3, "10.01"), fill(-1, "10.00"), fill(-1, "10.00"), fill(-1, "10.00"))
    position = books.positions[7]
    assert position.quantity == position.cost == position.fees == 0
    assert books.cash == CASH - Decimal("0.03") - 4


def test_a_new_day_forgets_closed_positions_and_yesterdays_profit() -> None:
    books = after(fill(3, "10.00"), fill(-3, "11.00"))
    assert books.realised_today == 1
    books.begin_day()
    assert books.realised_today == 0
    assert books.positions == {}
    assert books.balances()


def test_cash_is_settled_when_its_trades_are() -> None:
    fills = [fill(1, "10.00", at_ms=0), fill(-1, "12.00", at_ms=50)]
    cash = after(*fills).cash
    assert settled(cash, fills, 20) == CASH
    assert settled(cash, fills, 100) == CASH - 11
    assert settled(cash, fills, 150) == cash


def test_an_entry_that_does_not_balance_is_never_made() -> None:
    with pytest.raises(AssertionError, match="unbalanced"):
        Books.opened_with(CASH)._post(("cash", Decimal(1)), ("fees", Decimal(1)))


@given(
    st.lists(
        st.tuples(st.integers(-900, 900).filter(bool), st.integers(1, 90_000), st.integers(0, 900)),
        max_size=12,
    )
)
def test_equity_is_capital_realised_and_unrealised(trades: list[tuple[int, int, int]]) -> None:
    fills = [fill(q, str(Decimal(p) / 100), str(Decimal(c) / 100)) for q, p, c in trades]
    books = after(*fills)
    mark = Decimal("123.45")
    unrealised = sum(each.unrealised(mark) for each in books.positions.values())
    equity = books.cash + mark * books.held(7)
    assert equity == CASH + sum(each.realised for each in fills) + unrealised
    assert books.held(7) == sum(each.quantity for each in fills)
