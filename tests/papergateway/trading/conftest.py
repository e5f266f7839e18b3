"""A desk without a gateway around it, on the simulated market of a Wednesday."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from backend.core.clock import to_ms
from backend.papergateway.prices import Market
from backend.papergateway.trading.desk import Desk, opened

NEW_YORK_HALF_PAST_TEN = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def world_market() -> Market:
    return Market(today=date(2026, 11, 21))


@pytest.fixture
def new_desk(world_market: Market) -> Callable[[], Desk]:
    """Makes new accounts with a million dollars, an hour after the bell."""
    return lambda: Desk(world_market, opened(to_ms(NEW_YORK_HALF_PAST_TEN)))


@pytest.fixture
def desk(new_desk: Callable[[], Desk]) -> Desk:
    return new_desk()
