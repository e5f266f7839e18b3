"""Exits while a round trip is open, on the paper gateway: time, break-even, a trailing stop."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from backend.core.database import transaction
from backend.core.values import Timeframe
from backend.portfolio import exits as exits_watch
from backend.portfolio.orders import closing
from backend.portfolio.orders.models import Closing, Order, OrderTransition, RoundTrip
from backend.trading.exits import Exits
from backend.trading.order_state import OrderState
from tests.support.held_trades import followed, held, orders_of, read_trip, traded
from tests.support.live_engine import FRIDAY, Engine

S = OrderState


def look(engine: Engine, times: int = 1) -> None:
    """As the tracker does: exits, then what they asked to be closed."""
    for _ in range(times):
        exits_watch.watch(engine.clock, engine.tools.broker)
        closing.watch(engine.clock, engine.tools.broker)
        engine.gateway.control.advance(5)


def asked() -> list[str]:
    with transaction() as session:
        return [each.reason for each in session.scalars(select(Closing))]


def exits(**settings: object) -> Exits:
    return Exits.model_validate({"calendar": "XNYS", **settings})


def test_a_round_trip_without_exits_is_left_alone(engine: Engine) -> None:
    trip = traded(engine)
    engine.advance(hours=1)
    look(engine, 2)
    assert asked() == []
    assert orders_of(trip)["stop"].state is S.HELD


def test_when_its_minutes_are_over_it_is_closed(engine: Engine) -> None:
    trip = traded(engine, exits=exits(time_stop_minutes=15))
    engine.advance(minutes=13)
    look(engine)
    assert asked() == []
    engine.advance(minutes=2)
    look(engine, 4)
    assert asked() == ["time"]
    assert held(engine) == 0
    assert read_trip(trip).exit_reason == "time"


def test_while_the_exchange_is_shut_a_time_stop_waits_for_its_opening(engine: Engine) -> None:
    trip = traded(engine, exits=exits(time_stop_minutes=60))
    monday = datetime(2026, 11, 23, 14, 29, tzinfo=UTC)
    for shut in (FRIDAY + timedelta(minutes=70), monday):
        assert not exits_watch.is_time_up(exits(time_stop_minutes=60), FRIDAY, shut)
    assert exits_watch.is_time_up(
        exits(time_stop_minutes=60), FRIDAY, monday + timedelta(minutes=1)
    )
    assert orders_of(trip)["stop"].state is S.HELD


@pytest.mark.parametrize(
    ("timeframe", "bars", "before", "after"),
    [
        # Friday 15:30 in New York: the bar under way is the first one.
        (
            "5min",
            2,
            datetime(2026, 11, 20, 20, 39, tzinfo=UTC),
            datetime(2026, 11, 20, 20, 40, tzinfo=UTC),
        ),
        # The bar of an hour that began at 15:30 ends with the session.
        (
            "1h",
            2,
            datetime(2026, 11, 23, 15, 29, tzinfo=UTC),
            datetime(2026, 11, 23, 15, 30, tzinfo=UTC),
        ),
        # Friday's own daily bar, then Monday's, which closes with the exchange.
        (
            "1d",
            2,
            datetime(2026, 11, 23, 20, 59, tzinfo=UTC),
            datetime(2026, 11, 24, 14, 30, tzinfo=UTC),
        ),
    ],
)
def test_bars_are_those_of_the_exchange(
    timeframe: str, bars: int, before: datetime, after: datetime
) -> None:
    asked_for = exits(time_stop_bars=bars, timeframe=Timeframe(timeframe))
    assert not exits_watch.is_time_up(asked_for, FRIDAY, before)
    assert exits_watch.is_time_up(asked_for, FRIDAY, after)


def gone(trip: RoundTrip, times_risk: str) -> None:
    """The market showed a price so many times the risk our way."""
    with transaction() as session:
        row = session.get_one(RoundTrip, trip.id)
        assert row.entry_price is not None
        sign = 1 if row.side == "BUY" else -1
        risk = abs(row.entry_price - row.stop)
        row.best_price = row.entry_price + sign * Decimal(times_risk) * risk


def far_stop(engine: Engine, trip: RoundTrip) -> None:
    """The entry is put out of the market's reach, so that the stop may stand at it."""
    with transaction() as session:
        row = session.get_one(RoundTrip, trip.id)
        assert row.entry_price is not None
        row.entry_price = row.entry_price * (
            Decimal("0.98") if row.side == "BUY" else Decimal("1.02")
        )


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_the_stop_moves_to_the_entry_at_the_broker_itself(engine: Engine, side: str) -> None:
    trip = traded(engine, exits=exits(break_even_after_r="1"), side=side)
    far_stop(engine, trip)
    before = orders_of(trip)["stop"]
    look(engine)
    assert orders_of(trip)["stop"].stop_price == before.stop_price
    gone(trip, "1")
    look(engine)
    after = orders_of(trip)["stop"]
    row = read_trip(trip)
    assert row.entry_price is not None
    assert after.stop_price is not None
    assert abs(after.stop_price - row.entry_price) < Decimal("0.01")
    assert (after.id, after.broker_order_id) == (before.id, before.broker_order_id)
    at_gateway = stops_at_gateway(engine)
    assert at_gateway == [after.stop_price]
    assert "The stop moved from" in said(after)[-1]
    # Once there it stays, and nothing is asked again.
    told = len(said(after))
    look(engine, 2)
    assert len(said(after)) == told
    followed(engine)
    assert orders_of(trip)["stop"].state is S.HELD
    assert abs(held(engine)) == 100


def stops_at_gateway(engine: Engine) -> list[Decimal]:
    rows = engine.gateway.control.books()["orders"]
    live = [each for each in rows if each["status"] not in ("Cancelled", "Filled", "Inactive")]
    stops = [each.get("stop_price") or each.get("auxPrice") for each in live]
    return [Decimal(str(each)) for each in stops if each]


def said(order: Order) -> list[str]:
    with transaction() as session:
        query = select(OrderTransition).where(OrderTransition.order_id == order.id)
        return [each.sentence for each in session.scalars(query.order_by(OrderTransition.id))]


@pytest.mark.parametrize("kind", ["drop", "error", "rate_limit"])
def test_a_change_that_fails_leaves_the_old_stop_in_place_and_says_so(
    engine: Engine, kind: str
) -> None:
    trip = traded(engine, exits=exits(break_even_after_r="1"))
    far_stop(engine, trip)
    gone(trip, "1")
    before = orders_of(trip)["stop"]
    engine.gateway.control.add_fault(kind, "iserver/account/*/order/*", method="POST", times=1)
    exits_watch.watch(engine.clock, engine.tools.broker)
    assert stops_at_gateway(engine) == [before.stop_price]
    assert orders_of(trip)["stop"].stop_price == before.stop_price
    if kind != "rate_limit":
        assert "The stop stays at" in said(before)[-1]
        look(engine)
        assert stops_at_gateway(engine) != [before.stop_price]


def test_a_change_without_an_answer_is_read_from_the_broker(engine: Engine) -> None:
    trip = traded(engine, exits=exits(break_even_after_r="1"))
    far_stop(engine, trip)
    gone(trip, "1")
    engine.gateway.control.add_fault("drop_after", "iserver/reply/*", method="POST", times=1)
    engine.gateway.control.add_fault(
        "drop_after", "iserver/account/*/order/*", method="POST", times=1
    )
    look(engine, 3)
    [shown] = stops_at_gateway(engine)
    assert orders_of(trip)["stop"].stop_price == shown
    row = read_trip(trip)
    assert row.entry_price is not None
    assert abs(shown - row.entry_price) < Decimal("0.01")


def test_a_price_that_came_back_to_the_entry_does_not_sell_at_once(engine: Engine) -> None:
    trip = traded(engine, exits=exits(break_even_after_r="1"))
    with transaction() as session:
        row = session.get_one(RoundTrip, trip.id)
        assert row.entry_price is not None
        row.entry_price = row.entry_price * Decimal("1.02")
    gone(trip, "1")
    before = orders_of(trip)["stop"]
    look(engine, 2)
    assert stops_at_gateway(engine) == [before.stop_price]
    assert held(engine) == 100


def test_a_record_that_cannot_be_read_is_no_reason_to_stop(engine: Engine) -> None:
    broken = traded(engine, exits=exits(time_stop_minutes=1))
    with transaction() as session:
        session.get_one(RoundTrip, broken.id).document = {"plan": {"exits": {"moon": 1}}}
    other = traded(engine, exits=exits(time_stop_minutes=1), strategy_id=2, execution_id=2)
    engine.advance(minutes=2)
    look(engine, 4)
    assert read_trip(other).exit_reason == "time"
    assert read_trip(broken).closed_at is None


def test_an_exit_that_was_refused_is_not_tried_again_by_itself(engine: Engine) -> None:
    trip = traded(engine, exits=exits(time_stop_minutes=1))
    engine.gateway.control.add_fault(
        "order_refused", "iserver/account/*/orders", method="POST", times=1, text="No."
    )
    engine.advance(minutes=2)
    look(engine, 6)
    followed(engine)
    assert asked() == ["time"]
    assert held(engine) == 100
    assert orders_of(trip)["stop"].state is S.HELD
