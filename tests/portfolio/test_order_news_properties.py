"""Whatever comes twice, late, shuffled or not at all: a reading brings us to the broker's truth."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from backend.brokers.orders import BrokerFill, BrokerOrder, OrderDelta, OrderStatus
from backend.core.clock import ManualClock
from backend.core.database import transaction
from backend.portfolio.books.models import Fill
from backend.portfolio.orders import following
from backend.portfolio.orders.matching import News
from backend.portfolio.orders.models import Order, OrderTransition, RoundTrip
from backend.trading.order_state import NEXT, OrderState
from tests.conftest import empty_tables
from tests.support.live_engine import FRIDAY
from tests.support.trades import ACCOUNT, at, bracket, fill, listed

CLOCK = ManualClock(FRIDAY)
S = OrderStatus
FEE = Decimal("0.35")


@pytest.fixture(autouse=True)
def _empty(db: str) -> None:
    pass


def told(order: Order, number: str, status: S, filled: int) -> list[News]:
    """The same from a listing and from the stream."""
    row = listed(order, number, status, filled=Decimal(filled))
    delta = OrderDelta(
        order_id=number,
        account=ACCOUNT,
        client_order_id=order.client_order_id,
        status=status,
        filled=Decimal(filled),
    )
    return [row, delta]


def course(
    order: Order, number: str, parts: list[int], end: S, minute: int
) -> tuple[list[News], list[News]]:
    """All that is told of an order while it lives, and what a reading tells at its end."""
    news: list[News] = [*told(order, number, S.HELD, 0), *told(order, number, S.WORKING, 0)]
    fills: list[BrokerFill] = []
    for place, part in enumerate(parts):
        name = f"{number}.{place}"
        fills.append(fill(order, number, name, part, "200", at=at(minute + place)))
        done = sum(parts[: place + 1])
        news += [fills[-1], *told(order, number, S.WORKING, done)]
    last = told(order, number, end, sum(parts))
    paid = [replace(each, commission=FEE) for each in fills]
    return [*news, *paid, *last], [*paid, last[0]]


@given(
    parts=st.lists(st.integers(1, 30), min_size=1, max_size=3),
    is_filled=st.booleans(),
    leaves=st.sampled_from(("stop", "target", "nothing")),
    shuffled=st.randoms(use_true_random=False),
    kept=st.floats(0, 1),
)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_news_in_any_order_ends_in_the_brokers_truth(
    parts: list[int], is_filled: bool, leaves: str, shuffled: Random, kept: float
) -> None:
    empty_tables()
    with transaction() as session:
        entry, stop, target = bracket(session)[1:]
    parts = [*parts, 100 - sum(parts)] if is_filled else parts
    entered = sum(parts)
    end = S.FILLED if entered == 100 else S.CANCELLED
    news, truth = course(entry, "1", parts, end, 1)
    for order, number, name in ((stop, "2", "stop"), (target, "3", "target")):
        sold = [entered] if leaves == name else []
        over = leaves != "nothing"
        final = S.FILLED if sold == [100] else S.CANCELLED if over else S.HELD
        more, last = course(order, number, sold, final, 20)
        news, truth = news + more, truth + last
    noise = [each for each in [*news, *news] if shuffled.random() < kept]
    shuffled.shuffle(noise)
    for first in range(0, len(noise), 3):
        apply(noise[first : first + 3])
    apply(truth)
    expect((entry, stop, target), truth)
    _check_transitions()
    _check_sums(entered, 0 if leaves == "nothing" else entered)


def apply(news: list[News]) -> None:
    with transaction() as session:
        following.apply(session, CLOCK, ACCOUNT, news)


def expect(orders: tuple[Order, ...], truth: list[News]) -> None:
    rows = {each.client_order_id: each for each in truth if isinstance(each, BrokerOrder)}
    with transaction() as session:
        for order in orders:
            now, row = session.get_one(Order, order.id), rows[order.client_order_id]
            assert now.filled == row.filled
            assert now.broker_order_id == row.order_id
            if row.status.is_final or now.state not in ("filled", "cancelled"):
                assert now.state is following.STATES[row.status]


def _check_transitions() -> None:
    """Each starts where the one before it ended, and none is forbidden."""
    with transaction() as session:
        rows = list(session.scalars(select(OrderTransition).order_by(OrderTransition.id)))
    for order_id in {row.order_id for row in rows}:
        steps = [(row.before, row.after) for row in rows if row.order_id == order_id]
        for before, after in steps:
            assert before is not None
            assert after is before or after in NEXT[OrderState(before)]
        assert all(one[1] is other[0] for one, other in pairwise(steps))


def _check_sums(entered: int, left: int) -> None:
    with transaction() as session:
        trip = session.scalars(select(RoundTrip)).one()
        fills = list(session.scalars(select(Fill)))
    assert [trip.entered, trip.left] == [entered, left]
    assert trip.commission == FEE * len(fills) == sum(each.commission or 0 for each in fills)
    assert (trip.closed_at is not None) is (left > 0)
