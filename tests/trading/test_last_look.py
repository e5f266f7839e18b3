"""What has to hold in the moment before an order goes out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from backend.trading.last_look import Market, expired, problem
from backend.trading.signal import Action
from tests.trading.test_brackets import plan

NOW = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)
OPEN = Market(
    now=NOW,
    is_open=True,
    lot=Decimal(1),
    tick=Decimal("0.01"),
    last=Decimal(100),
    bid=Decimal("99.99"),
    ask=Decimal("100.01"),
    is_halted=False,
)
SHORT: dict[str, Any] = {"side": Action.SELL, "stop": Decimal(105), "targets": ()}


def code(market: Market = OPEN, expires_at: datetime | None = None, **changes: Any) -> str | None:
    found = problem(plan(**changes), market, expires_at)
    return found.code if found else None


def test_nothing_speaks_against_a_good_order() -> None:
    assert code() is None
    assert code(expires_at=NOW + timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    ("market", "changes", "wanted"),
    [
        ({"is_open": False}, {}, "market_closed"),
        ({"is_open": False}, {"outside_rth": True}, None),
        ({"is_open": False}, {"tif": "GTC"}, None),
        ({"is_open": False}, {"tif": "OPG"}, None),
        ({"is_halted": True}, {}, "not_tradable"),
        ({"lot": Decimal(100)}, {"quantity": 150, "targets": ()}, "not_whole"),
        ({}, {"quantity": 1, "targets": ()}, None),
        ({"tick": Decimal("0.05")}, {"stop": Decimal("95.01")}, "off_tick"),
        ({"last": None, "bid": None, "ask": None}, {}, "no_quote"),
        ({"bid": None, "ask": None}, {}, None),
        ({"bid": Decimal(95)}, {}, "stop_passed"),
        ({"bid": Decimal("95.01")}, {}, None),
        ({"ask": Decimal(105)}, SHORT, "stop_passed"),
        ({"ask": Decimal("104.99")}, SHORT, None),
        ({"bid": Decimal(111)}, {"order_type": "MKT"}, "target_passed"),
        ({"bid": Decimal(111)}, {"order_type": "LMT"}, None),
    ],
)
def test_what_the_market_says(
    market: dict[str, Any], changes: dict[str, Any], wanted: str | None
) -> None:
    assert code(replace(OPEN, **market), **changes) == wanted


def test_a_fraction_of_a_share_is_no_whole_lot() -> None:
    fraction = plan(targets=()).model_copy(update={"quantity": Decimal("1.5")})
    found = problem(fraction, OPEN, None)
    assert found is not None
    assert (found.code, found.is_over) == ("not_whole", False)


def test_time_comes_before_everything_else() -> None:
    closed = replace(OPEN, is_open=False, last=None)
    assert code(closed, expires_at=NOW) == "signal_expired"
    late = expired(NOW, NOW + timedelta(seconds=1))
    assert late is not None
    assert late.is_over
    assert expired(None, NOW) is None
