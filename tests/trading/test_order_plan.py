from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from backend.core.errors import InvalidInput
from backend.trading.plan import OrderPlan, OrderSettings, plan, split
from backend.trading.signal import Signal


def signal(**changes: Any) -> Signal:
    return Signal.model_validate(
        {
            "action": "BUY",
            "reason_code": "rules_fired",
            "sentence": "For a test.",
            "entry": "100",
            "stop": "95",
            "targets": ["107.5", "115"],
            "rules_vote": "long",
            "view_vote": "unused",
        }
        | changes
    )


def planned(wanted: Signal, quantity: str = "25") -> OrderPlan:
    return plan(
        wanted,
        symbol="AAPL",
        conid=265598,
        quantity=Decimal(quantity),
        lot=Decimal(1),
        settings=OrderSettings(),
    )


def test_a_plan_divides_the_quantity_among_the_targets_nearest_first() -> None:
    found = planned(signal())
    assert (found.side, found.order_type, found.tif) == ("BUY", "LMT", "DAY")
    assert found.quantity == 25
    assert [(item.price, item.quantity) for item in found.targets] == [
        (Decimal("107.5"), Decimal(13)),
        (Decimal(115), Decimal(12)),
    ]


def test_a_plan_survives_as_json() -> None:
    found = planned(signal())
    assert OrderPlan.model_validate_json(found.model_dump_json()) == found


def test_a_single_share_leaves_at_the_nearest_target() -> None:
    assert [item.price for item in planned(signal(), "1").targets] == [Decimal("107.5")]


@pytest.mark.parametrize(
    ("changes", "quantity", "message"),
    [
        ({"action": "HOLD"}, "5", "Only a signal to buy or sell"),
        ({"stop": None}, "5", "Only a signal to buy or sell"),
        ({}, "0", "quantity above zero"),
        ({}, "-1", "quantity above zero"),
    ],
)
def test_what_is_no_order_makes_no_plan(
    changes: dict[str, Any], quantity: str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        planned(signal(**changes), quantity)


@pytest.mark.parametrize(
    "change",
    [
        {"stop": "101"},
        {"side": "SELL"},
        {"side": "HOLD"},
        {"targets": [{"price": "107", "quantity": "24"}]},
        {"quantity": "0"},
        {"order_type": "STP"},
        {"tif": "IOC"},
    ],
)
def test_a_stored_plan_that_contradicts_itself_is_not_read_back(change: dict[str, Any]) -> None:
    document = planned(signal()).model_dump(mode="json")
    with pytest.raises(ValidationError):
        OrderPlan.model_validate(document | change)


@given(
    lots=st.integers(1, 1_000),
    lot=st.sampled_from(["1", "100", "0.001"]),
    targets=st.integers(1, 5),
)
def test_the_parts_are_whole_lots_that_add_up(lots: int, lot: str, targets: int) -> None:
    step = Decimal(lot)
    parts = split(tuple(Decimal(price) for price in range(1, targets + 1)), lots * step, step)
    sizes = [part.quantity for part in parts]
    assert sum(sizes) == lots * step
    assert all(size > 0 and size % step == 0 for size in sizes)
    assert max(sizes) - min(sizes) <= step
    assert sizes == sorted(sizes, reverse=True)
