"""IBKR's own examples, and what must hold for every order."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.papergateway.trading.commissions import Plan, total
from backend.papergateway.trading.margin import opening_shares, requirement
from backend.papergateway.trading.orders import Side


@pytest.mark.parametrize(
    ("shares", "price", "cost"),
    [(100, "25", "1.00"), (1_000, "25", "5.00"), (1_000, "0.25", "2.50"), (1, "50", "0.50")],
)
def test_the_fixed_plan_costs_what_ibkrs_examples_say(shares: int, price: str, cost: str) -> None:
    value = shares * Decimal(price)
    assert total(Plan.FIXED, Side.BUY, shares, value) == Decimal(cost)


def test_sales_pay_the_fees_of_the_sec_and_of_finra() -> None:
    # 1.00 + 961.30 * 0.0000278 + 5 * 0.000166
    assert total(Plan.FIXED, Side.SELL, 5, Decimal("961.30")) == Decimal("1.03")
    # FINRA's fee ends at 8.30, the commission at one percent of the value.
    assert total(Plan.FIXED, Side.SELL, 1_000_000, Decimal(100_000)) == Decimal("1011.08")


def test_the_tiered_plan_passes_fees_on_and_gets_cheaper_with_the_month() -> None:
    assert total(Plan.TIERED, Side.BUY, 10, Decimal(1_000)) == Decimal("0.38")
    first = total(Plan.TIERED, Side.BUY, 1_000, Decimal(100_000))
    assert first == Decimal("6.70")
    later = total(Plan.TIERED, Side.BUY, 1_000, Decimal(100_000), month=300_000)
    assert later == Decimal("5.20")
    across = total(Plan.TIERED, Side.BUY, 1_000, Decimal(100_000), month=299_500)
    assert across == Decimal("5.95")


@given(
    st.sampled_from(Plan),
    st.sampled_from(Side),
    st.lists(st.integers(1, 5_000), min_size=1, max_size=8),
    st.integers(1, 90_000),
)
def test_more_fills_never_make_an_order_cheaper(
    plan: Plan, side: Side, parts: list[int], cents: int
) -> None:
    shares, before = 0, Decimal(0)
    for part in parts:
        shares += part
        cost = total(plan, side, shares, shares * Decimal(cents) / 100)
        assert cost >= before
        before = cost


@pytest.mark.parametrize(
    ("quantity", "price", "needed"),
    [
        (100, "100", "2500"),
        (-100, "100", "3000"),
        (-100, "10", "500"),
        (-100, "4", "400"),
        (-100, "2", "250"),
        (0, "10", "0"),
    ],
)
def test_margin_is_a_part_of_the_value(quantity: int, price: str, needed: str) -> None:
    assert requirement(quantity, Decimal(price)) == Decimal(needed)


@pytest.mark.parametrize(
    ("held", "wanted", "spoken_for", "opening"),
    [
        (0, 10, 0, 10),
        (10, -10, 0, 0),
        (10, -15, 0, -5),
        (10, -10, 10, -10),
        (-10, 4, 8, 2),
        (10, 5, 0, 5),
    ],
)
def test_only_what_opens_a_position_needs_margin(
    held: int, wanted: int, spoken_for: int, opening: int
) -> None:
    assert opening_shares(held, wanted, spoken_for) == opening
