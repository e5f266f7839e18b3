"""Our books beside the broker's: opened once, doubted twice, explained by a person."""

from decimal import Decimal

import pytest
from sqlalchemy import select

from backend.brokers.base import Position
from backend.brokers.orders import OrderStatus
from backend.core.clock import ManualClock
from backend.core.database import transaction
from backend.core.errors import Conflict, InvalidInput, NotFound
from backend.notifications.events import Event
from backend.notifications.models import Notification
from backend.portfolio.books import drift, explaining
from backend.portfolio.books import positions as own
from backend.portfolio.books.models import Adjustment, Drift
from backend.portfolio.orders import following
from backend.portfolio.orders.models import Order, RoundTrip
from backend.trading.order_state import OrderState
from backend.web.audit import AuditRow
from tests.support.live_engine import FRIDAY
from tests.support.trades import ACCOUNT, CONID, at, bracket, fill, listed

ANN = "person:ann"
DRIFTS = select(Notification).where(Notification.event == Event.DRIFT)


@pytest.fixture(autouse=True)
def _empty(db: str) -> None:
    pass


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(FRIDAY)


def shares(quantity: int, conid: int = CONID, symbol: str = "AAPL") -> Position:
    one = Decimal(1)
    return Position(
        conid=conid,
        symbol=symbol,
        quantity=Decimal(quantity),
        average_cost=one,
        market_price=one,
        market_value=one,
        unrealized_pnl=one,
        realized_pnl=one,
        currency="USD",
    )


def look(clock: ManualClock, *held: Position) -> drift.Look:
    with transaction() as session:
        return drift.look(session, clock, ACCOUNT, held)


def look_later(clock: ManualClock, *held: Position) -> drift.Look:
    clock.advance(seconds=11)
    return look(clock, *held)


def bought(clock: ManualClock) -> tuple[Order, Order]:
    """A bracket of 100 that is open with its stop held; our books say 100."""
    look(clock)
    with transaction() as session:
        _, entry, stop, target = bracket(session)
        news = (
            fill(entry, "1", "a", 100, "200"),
            listed(entry, "1", OrderStatus.FILLED),
            listed(stop, "2", OrderStatus.HELD),
            listed(target, "3", OrderStatus.HELD),
        )
        following.apply(session, clock, ACCOUNT, news)
    return entry, stop


def blocking() -> list[Drift]:
    with transaction() as session:
        return drift.blocking(session, ACCOUNT)


def confirmed(clock: ManualClock, *held: Position) -> Drift:
    look_later(clock, *held)
    (row,) = look_later(clock, *held).confirmed
    return row


def test_what_is_held_at_the_first_look_was_held_before(clock: ManualClock) -> None:
    assert look(clock, shares(50), shares(-3, 8314, "IBM")).opened
    with transaction() as session:
        assert {row.reason for row in session.scalars(select(Adjustment))} == {"held_before"}
        assert own.expected(session, ACCOUNT)[8314].quantity == -3
    assert look_later(clock, shares(50), shares(-3, 8314, "IBM")).seen == []


def test_our_own_fills_are_expected(clock: ManualClock) -> None:
    bought(clock)
    assert look_later(clock, shares(100)).seen == []


def test_a_difference_counts_when_a_second_look_finds_the_same(clock: ManualClock) -> None:
    bought(clock)
    assert look_later(clock, shares(90)).seen
    assert blocking() == []
    clock.advance(seconds=5)
    assert look(clock, shares(90)).confirmed == []  # Too soon.
    assert look_later(clock, shares(80)).confirmed == []  # Another difference.
    assert look_later(clock, shares(80)).confirmed
    (row,) = blocking()
    assert [row.ours, row.brokers] == [100, 80]
    with transaction() as session:
        (news,) = session.scalars(DRIFTS)
    assert news.title == "The broker holds 80 AAPL, we expected 100"
    assert look_later(clock, shares(80)).confirmed == []
    with transaction() as session:
        assert len(session.scalars(DRIFTS).all()) == 1


@pytest.mark.parametrize("state", [OrderState.SENDING, OrderState.UNKNOWN])
def test_nothing_is_confirmed_while_an_order_may_be_on_its_way(
    clock: ManualClock, state: OrderState
) -> None:
    look(clock)
    with transaction() as session:
        _, entry, _, _ = bracket(session)
        entry.state = state
    for _ in range(3):
        assert look_later(clock, shares(100)).confirmed == []


def test_nothing_is_confirmed_while_a_reported_fill_has_not_come(clock: ManualClock) -> None:
    look(clock)
    with transaction() as session:
        _, entry, stop, target = bracket(session)
        news = [listed(entry, "1", OrderStatus.FILLED)]
        news += [listed(each, f"{each.id}", OrderStatus.HELD) for each in (stop, target)]
        following.apply(session, clock, ACCOUNT, news)
    look_later(clock, shares(100))
    assert look_later(clock, shares(100)).confirmed == []
    clock.advance(minutes=11)
    assert look(clock, shares(100)).confirmed


def test_a_difference_that_passes_leaves_nothing_and_an_alarm_stays_on_record(
    clock: ManualClock,
) -> None:
    bought(clock)
    look_later(clock, shares(90))
    look_later(clock, shares(100))
    with transaction() as session:
        assert session.scalars(select(Drift)).all() == []
    confirmed(clock, shares(90))
    assert look_later(clock, shares(100)).gone
    assert blocking() == []
    with transaction() as session:
        assert session.scalars(select(Drift)).one().explained_by == "books"


def test_an_explanation_makes_our_books_follow_and_is_audited(clock: ManualClock) -> None:
    bought(clock)
    row = confirmed(clock, shares(100), shares(5, 8314, "IBM"))
    with transaction() as session:
        explaining.explain(session, clock, row.id, " A gift. ", ANN)
    assert blocking() == []
    assert look_later(clock, shares(100), shares(5, 8314, "IBM")).seen == []
    with transaction() as session:
        audited = session.scalars(select(AuditRow)).one()
        assert [audited.action, audited.actor] == ["drift.explained", ANN]
        added = session.scalars(select(Adjustment)).one()
        assert [added.quantity, added.by, added.reason] == [5, ANN, "A gift."]


def test_shares_sold_by_hand_close_their_round_trip_at_the_price_they_got(
    clock: ManualClock,
) -> None:
    entry, _ = bought(clock)
    by_hand = fill(
        entry, "77", "h", 100, "205", client_order_id=None, side="SELL", at=at(30),
        commission=Decimal(1),
    )  # fmt: skip
    with transaction() as session:
        following.apply(session, clock, ACCOUNT, [by_hand])
    row = confirmed(clock)
    with transaction() as session:
        assert [trip.id for trip in explaining.closable(session, row)] == [entry.round_trip_id]
        explaining.explain(session, clock, row.id, "Sold on the phone.", ANN, closes=[1])
    with transaction() as session:
        trip = session.scalars(select(RoundTrip)).one()
        assert [trip.exit_reason, trip.closed_at, trip.exit_price] == ["hand", at(30), 205]
        assert [trip.gross_pnl, trip.commission] == [500, 1]
        assert session.scalars(select(Adjustment)).all() == []
    assert look_later(clock).seen == []


def test_shares_that_left_without_a_trace_close_their_round_trip_without_a_price(
    clock: ManualClock,
) -> None:
    entry, _ = bought(clock)
    row = confirmed(clock)
    with transaction() as session:
        explaining.explain(session, clock, row.id, "Moved elsewhere.", ANN, closes=[1])
    with transaction() as session:
        following.apply(session, clock, ACCOUNT, [listed(entry, "1", OrderStatus.FILLED)])
        trip = session.scalars(select(RoundTrip)).one()
        assert [trip.exit_reason, trip.exit_price] == ["hand", None]
    assert look_later(clock).seen == []


def test_wrong_explanations_change_nothing(clock: ManualClock) -> None:
    bought(clock)
    row = confirmed(clock, shares(110))
    with transaction() as session, pytest.raises(NotFound, match="no drift 99"):
        explaining.explain(session, clock, 99, "why", ANN)
    with transaction() as session, pytest.raises(InvalidInput) as found:
        explaining.explain(session, clock, row.id, "  ", ANN)
    assert found.value.field == "reason"
    with transaction() as session, pytest.raises(InvalidInput, match="is not open with shares"):
        explaining.explain(session, clock, row.id, "why", ANN, closes=[1])
    assert blocking()
    with transaction() as session:
        explaining.explain(session, clock, row.id, "why", ANN)
    with transaction() as session, pytest.raises(Conflict, match="explained at"):
        explaining.explain(session, clock, row.id, "again", ANN)
