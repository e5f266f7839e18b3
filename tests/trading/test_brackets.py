"""What goes to the broker for a plan: brackets, each whole by itself."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.trading.brackets import at_market, brackets, stop
from backend.trading.exits import Exits
from backend.trading.plan import OrderPlan, split
from backend.trading.signal import Action


def plan(
    quantity: int = 100, targets: tuple[str, ...] = ("110", "120"), **changes: object
) -> OrderPlan:
    made = {
        "symbol": "AAPL",
        "conid": 265598,
        "side": Action.BUY,
        "quantity": Decimal(quantity),
        "order_type": "LMT",
        "entry": Decimal(100),
        "stop": Decimal(95),
        "targets": split(tuple(map(Decimal, targets)), Decimal(quantity), Decimal(1)),
        "tif": "DAY",
    }
    return OrderPlan.model_validate(made | changes)


@settings(max_examples=50, deadline=None)
@given(quantity=st.integers(1, 5_000), count=st.integers(0, 4))
def test_the_brackets_enter_and_protect_exactly_the_planned_quantity(
    quantity: int, count: int
) -> None:
    made = brackets(plan(quantity, tuple(str(110 + n) for n in range(count))))
    assert sum(entry.quantity for entry, *_ in made) == quantity
    for bracket in made:
        assert len({leg.quantity for leg in bracket}) == 1
        assert [leg.role for leg in bracket] == ["entry", "stop", "target"][: len(bracket)]
        assert [leg.side for leg in bracket] == ["BUY", "SELL", "SELL"][: len(bracket)]
    names = [leg.name for bracket in made for leg in bracket]
    assert len(set(names)) == len(names)


def test_what_protects_stays_until_it_is_done_whatever_the_entry_does() -> None:
    for tif in ("DAY", "GTC", "OPG"):
        entry, *protection = brackets(plan(tif=tif))[0]
        assert entry.tif == tif
        assert {leg.tif for leg in protection} == {"GTC"}


def test_a_short_sale_is_closed_by_purchases() -> None:
    short = plan(side=Action.SELL, stop=Decimal(105), targets=())
    [(entry, guard)] = brackets(short)
    assert (entry.side, guard.side, guard.stop_price) == ("SELL", "BUY", Decimal(105))
    assert at_market(short, "exit", Decimal(5)).side == "BUY"


def test_a_market_order_names_no_price_and_a_limit_its_own() -> None:
    assert brackets(plan(order_type="MKT"))[0][0].limit_price is None
    assert brackets(plan())[0][0].limit_price == Decimal(100)


def test_a_stop_that_follows_begins_where_the_risk_was_measured() -> None:
    following = stop(plan(exits=Exits(trail=Decimal("4.50"))), "stop", Decimal(10))
    assert following.order_type == "TRAIL"
    assert (following.stop_price, following.trail) == (Decimal(95), Decimal("4.50"))


@pytest.mark.parametrize("outside", [True, False])
def test_protection_keeps_the_hours_of_its_entry(outside: bool) -> None:
    legs = [leg for bracket in brackets(plan(outside_rth=outside)) for leg in bracket]
    assert {leg.outside_rth for leg in legs} == {outside}
