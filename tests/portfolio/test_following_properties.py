"""Whatever is lost, repeated or late on the way: a reading afterwards ends in the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from backend.brokers.orders import BrokerFill, BrokerOrder, OrderDelta, OrderStatus
from backend.core.clock import ManualClock
from backend.core.database import transaction
from backend.portfolio.orders import following
from backend.portfolio.orders.matching import News
from backend.portfolio.orders.models import Order, OrderTransition, RoundTrip
from backend.trading.order_state import NEXT
from tests.support.live_engine import FRIDAY
from tests.support.trades import at, bracket, fill, listed

CLOCK = ManualClock(FRIDAY)
S = OrderStatus
NUMBERS = count(1)
LEGS = ("entry", "stop", "target")


@dataclass(frozen=True)
class Story:
    """What truly happened to a bracket of 100, and how its three orders ended."""

    parts: dict[str, list[int]]
    ends: dict[str, OrderStatus]

    @property
    def fills(self) -> list[tuple[str, int, int]]:
        """Leg, number and quantity, in the order of time."""
        made = [(leg, quantity) for leg in LEGS for quantity in self.parts.get(leg, [])]
        return [(leg, number, quantity) for number, (leg, quantity) in enumerate(made)]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    entered = draw(st.lists(st.integers(1, 30), min_size=0, max_size=4))
    held = sum(entered)
    is_whole = draw(st.booleans()) and 0 < held <= 100
    if is_whole and held < 100:
        entered.append(100 - held)
        held = 100
    leaves = draw(st.sampled_from(["stop", "target", None])) if held else None
    left = [held] if leaves and draw(st.booleans()) else [held // 3] if leaves else []
    parts = {"entry": entered} | ({leaves: [each for each in left if each]} if leaves else {})
    ends = {
        "entry": S.FILLED if held == 100 else draw(st.sampled_from([S.WORKING, S.CANCELLED])),
        "stop": draw(st.sampled_from([S.HELD, S.CANCELLED])),
        "target": draw(st.sampled_from([S.HELD, S.WORKING, S.CANCELLED])),
    }
    if leaves and sum(left) == 100:
        ends[leaves] = S.FILLED
    return Story(parts, ends)


def news_of(story: Story, orders: dict[str, Order]) -> list[News]:
    """Everything that a stream would tell of it, in order."""
    told: list[News] = [delta(orders[leg], status=S.PENDING) for leg in LEGS]
    told += [delta(orders[leg], status=S.HELD) for leg in ("stop", "target")]
    filled = dict.fromkeys(LEGS, 0)
    for leg, number, quantity in story.fills:
        filled[leg] += quantity
        made = made_of(orders[leg], number, quantity)
        told.append(
            delta(orders[leg], status=S.WORKING, filled=Decimal(filled[leg]),
                  average_price=Decimal("200.33"))
        )  # fmt: skip
        told += [replace(made, commission=None), made]
    told += [delta(orders[leg], status=story.ends[leg]) for leg in LEGS]
    return told


def delta(order: Order, **changes: Any) -> OrderDelta:
    return OrderDelta(
        order_id=number_of(order),
        account=order.account,
        client_order_id=order.client_order_id,
        **changes,
    )


def number_of(order: Order) -> str:
    return f"b{order.id}"


def made_of(order: Order, number: int, quantity: int) -> BrokerFill:
    price = Decimal(200) + Decimal(number) / 3
    return fill(
        order,
        number_of(order),
        f"{order.account}-{number}",
        quantity,
        f"{price:.4f}",
        commission=Decimal("0.35") * (number + 1),
        at=at(number),
    )


def reading_of(story: Story, orders: dict[str, Order]) -> list[News]:
    made = {leg: Decimal(sum(story.parts.get(leg, []))) for leg in LEGS}
    rows: list[BrokerOrder] = [
        listed(orders[leg], number_of(orders[leg]), story.ends[leg], filled=made[leg])
        for leg in LEGS
    ]
    return [*rows, *(made_of(orders[leg], number, size) for leg, number, size in story.fills)]


def prepare() -> dict[str, Order]:
    """A bracket on an account of its own."""
    account = f"U{next(NUMBERS)}"
    with transaction() as session:
        _, *orders = bracket(session, account=account, execution_id=int(account[1:]))
        for leg, order in zip(LEGS, orders, strict=True):
            order.account, order.client_order_id = account, f"{account}-{leg}"
        return dict(zip(LEGS, orders, strict=True))


def follow(orders: dict[str, Order], batches: Sequence[Sequence[News]]) -> list[Any]:
    account = orders["entry"].account
    for batch in batches:
        with transaction() as session:
            following.apply(session, CLOCK, account, batch)
    return rows_of(account)


ORDER = ("state", "filled", "average_price", "commission", "limit_price", "stop_price", "reason")
TRIP = (
    *("entered", "entry_price", "left", "exit_price", "commission", "gross_pnl", "opened_at"),
    *("closed_at", "exit_reason", "best_price", "worst_price"),
)


def rows_of(account: str) -> list[Any]:
    with transaction() as session:
        trip = session.scalars(select(RoundTrip).where(RoundTrip.account == account)).one()
        query = select(Order).where(Order.account == account).order_by(Order.id)
        rows = [[getattr(order, name) for name in ORDER] for order in session.scalars(query)]
        return [*rows, [getattr(trip, name) for name in TRIP]]


@pytest.fixture(autouse=True)
def _empty(db: str) -> None:
    pass


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories(), data=st.data())
def test_any_news_followed_by_a_reading_ends_in_the_same_rows(
    story: Story, data: st.DataObject
) -> None:
    plain = prepare()
    expected = follow(plain, [reading_of(story, plain)])

    orders = prepare()
    told = news_of(story, orders)
    kept = data.draw(st.lists(st.sampled_from(told), max_size=2 * len(told)))
    size = data.draw(st.integers(1, 7))
    batches = [kept[start : start + size] for start in range(0, len(kept), size)]
    assert follow(orders, [*batches, reading_of(story, orders)]) == expected
    # And again: what is known changes nothing.
    assert follow(orders, [reading_of(story, orders), kept, reading_of(story, orders)]) == expected


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories(), data=st.data())
def test_no_news_makes_an_order_take_an_illegal_step(story: Story, data: st.DataObject) -> None:
    orders = prepare()
    told = [*news_of(story, orders), *reading_of(story, orders)]
    follow(orders, [[each] for each in data.draw(st.permutations(told))])
    with transaction() as session:
        query = select(OrderTransition).where(
            OrderTransition.order_id.in_([order.id for order in orders.values()])
        )
        for row in session.scalars(query):
            assert row.before is row.after or row.after in NEXT[row.before]  # type: ignore[index]
