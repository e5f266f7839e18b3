"""What a broker tells changes our orders and round trips, in one place and in any order."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select

from backend.brokers.orders import OrderDelta, OrderStatus, TakenOrder
from backend.core.clock import ManualClock
from backend.core.database import transaction
from backend.portfolio.books.models import Fill
from backend.portfolio.orders import following
from backend.portfolio.orders.matching import News
from backend.portfolio.orders.models import Order, OrderTransition, Role, RoundTrip
from backend.trading.order_state import OrderState
from tests.support.live_engine import FRIDAY
from tests.support.trades import ACCOUNT, at, bracket, fill, listed, order, round_trip

CLOCK = ManualClock(FRIDAY)
S = OrderStatus


@pytest.fixture(autouse=True)
def _empty(db: str) -> None:
    pass


def apply(*news: News) -> following.Changes:
    with transaction() as session:
        return following.apply(session, CLOCK, ACCOUNT, news)


def planned() -> tuple[Order, Order, Order]:
    with transaction() as session:
        return bracket(session)[1:]


def state_of(order: Order) -> OrderState:
    return read(order).state


def read(order: Order) -> Order:
    with transaction() as session:
        return session.get_one(Order, order.id)


def trip() -> RoundTrip:
    with transaction() as session:
        return session.scalars(select(RoundTrip)).one()


def transitions(order: Order) -> Sequence[tuple[OrderState | None, OrderState]]:
    with transaction() as session:
        query = select(OrderTransition).where(OrderTransition.order_id == order.id)
        rows = session.scalars(query.order_by(OrderTransition.id))
        return [(row.before, row.after) for row in rows]


def test_a_bracket_is_followed_from_acceptance_to_its_target() -> None:
    entry, stop, target = planned()
    apply(listed(entry, "1", S.WORKING), listed(stop, "2", S.HELD), listed(target, "3", S.HELD))
    assert [state_of(each) for each in (entry, stop, target)] == ["working", "held", "held"]
    opened = apply(
        fill(entry, "1", "a", 40, "200"),
        fill(entry, "1", "b", 60, "201", at=at(2)),
        listed(entry, "1", S.FILLED),
    )
    assert opened.opened
    assert not opened.closed
    assert [trip().entered, trip().entry_price, trip().opened_at] == [100, Decimal("200.6"), at(1)]
    done = apply(
        fill(target, "3", "c", 100, "220", commission=Decimal(1), at=at(9)),
        listed(target, "3", S.FILLED),
        listed(stop, "2", S.CANCELLED),
    )
    assert done.closed
    end = trip()
    assert [end.left, end.exit_price, end.gross_pnl] == [100, 220, 1940]
    assert [end.exit_reason, end.closed_at, end.commission] == ["target", at(9), 1]
    assert [end.best_price, end.worst_price] == [220, 200]
    assert transitions(entry) == [("sending", "working"), ("working", "filled")]


def test_a_commission_that_comes_later_counts_once() -> None:
    entry, _, _ = planned()
    first = fill(entry, "1", "a", 100, "200")
    apply(first, listed(entry, "1", S.FILLED))
    assert read(entry).commission == 0
    apply(replace(first, commission=Decimal("1.05")))
    again = apply(replace(first, commission=Decimal("1.05")), first)
    assert [read(entry).commission, trip().commission] == [Decimal("1.05"), Decimal("1.05")]
    assert again.fills == []


def test_a_fill_may_come_before_anybody_knows_the_brokers_number() -> None:
    entry, _, _ = planned()
    apply(replace(fill(entry, "1", "a", 100, "200"), client_order_id=None))
    with transaction() as session:
        assert session.scalars(select(Fill)).one().order_id is None
    apply(listed(entry, "1", S.FILLED))
    assert [trip().entered, trip().entry_price] == [100, 200]


@pytest.mark.parametrize("state", [OrderState.UNKNOWN, OrderState.LOST])
def test_an_order_that_was_looked_for_and_appears_is_adopted(state: OrderState) -> None:
    with transaction() as session:
        lost = order(session, round_trip(session), Role.ENTRY, state=state)
    apply(fill(lost, "8", "a", 100, "200"))
    assert [state_of(lost), read(lost).broker_order_id] == ["filled", "8"]


def test_a_leg_without_its_client_order_id_is_known_by_parent_side_type_and_price() -> None:
    entry, stop, target = planned()
    apply(
        listed(entry, "1", S.WORKING),
        replace(listed(target, "3", S.HELD), client_order_id=None, parent_order_id="1"),
        replace(listed(stop, "2", S.HELD), client_order_id=None, parent_order_id="1"),
    )
    assert [read(stop).broker_order_id, read(target).broker_order_id] == ["2", "3"]


def test_what_others_ordered_and_filled_changes_none_of_our_orders() -> None:
    entry, _, _ = planned()
    stranger = replace(listed(entry, "70", S.WORKING), client_order_id="theirs")
    theirs = replace(fill(entry, "70", "z", 5, "200"), client_order_id="theirs")
    changes = apply(stranger, theirs)
    assert changes.foreign == [stranger]
    assert [each.order_id for each in changes.fills] == [None]
    assert [state_of(entry), trip().entered] == ["sending", 0]


def test_an_order_that_is_over_stays_so_and_the_contradiction_is_told() -> None:
    entry, _, _ = planned()
    apply(listed(entry, "1", S.CANCELLED, reason="The market closed."))
    changes = apply(OrderDelta(order_id="1", account=ACCOUNT, status=S.WORKING))
    assert [each.says for each in changes.contradictions] == ["working"]
    assert [state_of(entry), read(entry).reason] == ["cancelled", "The market closed."]


@pytest.mark.parametrize(
    ("status", "reason"), [(S.CANCELLED, "not_filled"), (S.INACTIVE, "refused")]
)
def test_an_entry_that_came_to_nothing_closes_its_round_trip(status: S, reason: str) -> None:
    entry, stop, target = planned()
    apply(listed(stop, "2", S.HELD), listed(target, "3", S.HELD))
    apply(listed(entry, "1", status))
    assert trip().closed_at is None  # Its legs still live.
    apply(listed(stop, "2", S.CANCELLED), listed(target, "3", S.CANCELLED))
    assert [trip().exit_reason, trip().closed_at] == [reason, FRIDAY]


def test_a_late_fill_of_a_cancelled_entry_opens_the_round_trip_again() -> None:
    entry, _, _ = planned()
    apply(listed(entry, "1", S.CANCELLED))
    assert trip().closed_at is not None
    apply(fill(entry, "1", "a", 30, "200"))
    assert [trip().closed_at, trip().entered, state_of(entry)] == [None, 30, "cancelled"]


def test_the_answer_to_a_request_never_overtakes_the_stream() -> None:
    entry, stop, target = planned()
    apply(listed(entry, "1", S.FILLED))
    apply(
        TakenOrder(client_order_id=entry.client_order_id, order_id="1", status=S.PENDING),
        TakenOrder(client_order_id=stop.client_order_id, order_id="2", status=None),
        TakenOrder(
            client_order_id=target.client_order_id, order_id=None, status=None, refusal="Off tick."
        ),
    )
    assert [state_of(each) for each in (entry, stop, target)] == ["filled", "unknown", "refused"]
    assert read(target).reason == "Off tick."


def test_terms_that_were_changed_at_the_broker_are_taken_over_and_noted() -> None:
    _, stop, _ = planned()
    apply(listed(stop, "2", S.HELD))
    apply(OrderDelta(order_id="2", account=ACCOUNT, stop_price=Decimal(195)))
    assert read(stop).stop_price == 195
    assert transitions(stop)[-1] == ("held", "held")


def test_a_report_without_its_fills_counts_until_they_come() -> None:
    entry, _, _ = planned()
    apply(
        listed(entry, "1", S.WORKING),
        OrderDelta(order_id="1", account=ACCOUNT, filled=Decimal(60), average_price=Decimal(199)),
    )
    assert [trip().entered, trip().entry_price] == [60, 199]
    apply(fill(entry, "1", "a", 60, "199.5"))
    assert [trip().entered, trip().entry_price] == [60, Decimal("199.5")]


def test_many_who_follow_the_same_news_at_once_wait_for_each_other() -> None:
    entry, stop, target = planned()
    news: list[News] = [
        *(fill(entry, "1", f"in{n}", 25, "200", commission=Decimal(1)) for n in range(4)),
        *(fill(target, "3", f"out{n}", 50, "210", at=at(5)) for n in range(2)),
        listed(entry, "1", S.FILLED),
        listed(target, "3", S.FILLED),
        listed(stop, "2", S.CANCELLED),
    ]
    orders = [news[turn:] + news[:turn] for turn in range(len(news))]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: [apply(*each[:5]), apply(*each[5:])], orders))
    end = trip()
    assert [end.entered, end.left, end.gross_pnl, end.commission] == [100, 100, 1000, 4]
    assert end.exit_reason == "target"
    assert [state_of(each) for each in (entry, stop, target)] == ["filled", "cancelled", "filled"]
