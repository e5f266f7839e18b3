"""Closing what is held, on the paper gateway: protection first, one exit, whatever breaks."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from backend.brokers.orders import Ticket
from backend.core.database import transaction
from backend.core.redis import client
from backend.notifications.models import Notification
from backend.portfolio.orders import closing, closings, exit_orders, sending, watching
from backend.portfolio.orders.models import Closing, ClosingState, Order, Role, RoundTrip
from backend.trading.numbers import plain
from backend.trading.order_state import LIVE, OrderState
from tests.support.held_trades import followed, held, orders_of, read_trip, traded, yes_to_all
from tests.support.live_engine import Engine

S = OrderState
SATURDAY = datetime(2026, 11, 21, 12, tzinfo=UTC)


def asked(engine: Engine, trip: RoundTrip, reason: str = "hand") -> int:
    with transaction() as session:
        return closings.ask(session, engine.clock, trip, reason=reason, by="person:ann").id


def carry_out(engine: Engine, closing_id: int) -> ClosingState:
    [account] = engine.tools.broker.accounts()
    closing.carry_out(engine.clock, engine.tools.broker, account.id, [closing_id])
    with transaction() as session:
        return session.get_one(Closing, closing_id).state


def until_done(engine: Engine, closing_id: int) -> Closing:
    """As the tracker does, with time going by."""
    for _ in range(20):
        closing.watch(engine.clock, engine.tools.broker)
        beside(engine)
        with transaction() as session:
            found = session.get_one(Closing, closing_id)
        if found.done_at is not None:
            break
        engine.gateway.control.advance(5)
        for gate in client().scan_iter("glassbox:pacing:*"):
            client().delete(gate)
    return found


def beside(engine: Engine) -> None:
    """What else looks after brackets meanwhile, and must not protect what is being sold."""
    watching.watch(engine.clock, engine.tools.broker, sleep=engine.gateway.control.advance)


def exits() -> list[Order]:
    with transaction() as session:
        roles = (Role.EXIT, Role.FLATTEN)
        return list(session.scalars(select(Order).where(Order.role.in_(roles))))


def sent_to_gateway(engine: Engine) -> list[str]:
    """Client order ids of every exit that the gateway ever took."""
    orders = engine.gateway.control.books()["orders"]
    names = [str(order.get("order_ref")) for order in orders]
    return [name for name in names if name.endswith("-exit")]


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_protection_is_cancelled_then_one_order_takes_the_shares_out(
    engine: Engine, side: str
) -> None:
    trip = traded(engine, side=side)
    sign = 1 if side == "BUY" else -1
    assert held(engine) == 100 * sign
    done = until_done(engine, asked(engine, trip, "time"))
    assert (done.state, done.reason) == (ClosingState.DONE, "time")
    assert "was filled at" in done.outcome
    orders = orders_of(trip)
    assert (orders["stop"].state, orders["target"].state) == (S.CANCELLED, S.CANCELLED)
    assert (orders["exit"].state, orders["exit"].order_type) == (S.FILLED, "MKT")
    assert held(engine) == 0
    after = read_trip(trip)
    assert (after.left, after.exit_reason) == (Decimal(100), "time")
    assert after.closed_at is not None
    assert len(sent_to_gateway(engine)) == 1


def test_asked_twice_it_is_closed_once(engine: Engine) -> None:
    trip = traded(engine)
    first = asked(engine, trip)
    assert asked(engine, trip) == first
    until_done(engine, first)
    again = asked(engine, trip)
    assert again != first
    assert until_done(engine, again).outcome == "Nothing of it is held: no order went out."
    assert len(sent_to_gateway(engine)) == 1


def test_an_entry_that_has_not_filled_is_cancelled_and_nothing_is_sold(engine: Engine) -> None:
    trip = traded(engine, limit=Decimal(50))
    done = until_done(engine, asked(engine, trip))
    assert (done.state, exits()) == (ClosingState.DONE, [])
    assert orders_of(trip)["entry"].state is S.CANCELLED
    assert read_trip(trip).exit_reason == "not_filled"


ORDERS = "iserver/account/*/orders"


@pytest.mark.parametrize(
    "kind",
    ["drop", "drop_after", "error_after", "rate_limit", "stale_reply_live", "stale_reply_lost"],
)
def test_whatever_becomes_of_the_request_one_exit_is_filled(engine: Engine, kind: str) -> None:
    trip = traded(engine)
    closing_id = asked(engine, trip)
    path = "iserver/reply/*" if kind.startswith("stale") else ORDERS
    engine.gateway.control.add_fault(kind, path, method="POST", times=1)
    done = until_done(engine, closing_id)
    assert done.state is ClosingState.DONE, done.outcome
    assert held(engine) == 0
    filled = [each for each in engine.gateway.control.books()["trades"] if "-exit" in ref(each)]
    assert sum(Decimal(str(each["size"])) for each in filled) == 100
    [exit] = exits()
    assert exit.state is S.FILLED


def ref(row: dict[str, Any]) -> str:
    return str(row.get("order_ref"))


class _Crash(BaseException):
    """The process dies here, and nothing of it cleans up after itself."""


CRASHES = [
    (closing, "_to_cancel"),
    (closing, "_cancel"),
    (closing, "_quantity"),
    (exit_orders, "keep"),
    (sending, "_begin"),
    (sending, "_keep_question"),
    (sending, "_take"),
]


@pytest.mark.parametrize(("module", "name"), CRASHES, ids=[each[1] for each in CRASHES])
def test_after_a_crash_at_any_point_one_exit_is_filled(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    trip = traded(engine)
    closing_id = asked(engine, trip)
    real = getattr(module, name)

    def dies(*args: Any, **named: Any) -> None:
        real(*args, **named)
        raise _Crash

    with monkeypatch.context() as patched:
        patched.setattr(module, name, dies)
        with pytest.raises(_Crash):
            until_done(engine, closing_id)
    done = until_done(engine, closing_id)
    assert done.state is ClosingState.DONE, done.outcome
    assert held(engine) == 0
    assert len(sent_to_gateway(engine)) == 1


def test_a_refused_exit_gives_the_stop_back_and_calls_a_person(engine: Engine) -> None:
    trip = traded(engine)
    engine.gateway.control.add_fault("order_refused", ORDERS, method="POST", times=1, text="No.")
    before = orders_of(trip)["stop"]
    assert before.stop_price is not None
    done = until_done(engine, asked(engine, trip))
    assert done.state is ClosingState.FAILED
    assert "100 shares are left: The broker refused it: No." in done.outcome
    assert f"A stop at {plain(before.stop_price)} is in place again." in done.outcome
    assert held(engine) == 100
    followed(engine)
    beside(engine)
    stop = orders_of(trip)["stop"]
    assert (stop.stop_price, stop.state, stop.tif) == (before.stop_price, S.HELD, "GTC")
    assert stop.id != before.id
    with transaction() as session:
        troubles = select(Notification).where(Notification.event == "order_trouble")
        [news] = session.scalars(troubles)
    assert (news.event, news.title) == ("order_trouble", "AAPL was not closed")
    # A person asks once more, and the new stop goes as the old one did.
    assert until_done(engine, asked(engine, trip)).state is ClosingState.DONE
    assert held(engine) == 0
    assert orders_of(trip)["stop"].state is S.CANCELLED


def test_what_was_sold_elsewhere_is_not_sold_again(engine: Engine) -> None:
    trip = traded(engine)
    engine.gateway.control.trade("AAPL", "SELL", 40)
    engine.gateway.control.advance(10)
    done = until_done(engine, asked(engine, trip))
    assert done.state is ClosingState.DONE
    [exit] = exits()
    assert exit.quantity == 60
    assert held(engine) == 0


def test_a_position_that_no_strategy_opened_is_closed_with_the_orders_around_it(
    engine: Engine,
) -> None:
    trip = traded(engine)
    engine.gateway.control.trade("MSFT", "BUY", 30)
    engine.gateway.control.advance(10)
    broker = engine.tools.broker
    [account] = broker.accounts()
    [position] = [p for p in broker.account_snapshot(account.id).positions if p.symbol == "MSFT"]
    theirs = Ticket(
        client_order_id="by-hand",
        conid=position.conid,
        side="SELL",
        order_type="LMT",
        quantity=Decimal(30),
        tif="GTC",
        limit_price=Decimal(900),
    )
    yes_to_all(engine, account.id, broker.place(account.id, [theirs]))
    with transaction() as session:
        closing_id = closings.ask_for_position(
            session,
            engine.clock,
            account=account.id,
            conid=position.conid,
            symbol="MSFT",
            reason="hand",
            by="person:ann",
        ).id
    done = until_done(engine, closing_id)
    assert done.state is ClosingState.DONE, done.outcome
    assert held(engine, "MSFT") == 0
    assert held(engine) == 100
    [exit] = exits()
    assert (exit.round_trip_id, exit.symbol, exit.quantity) == (None, "MSFT", Decimal(30))
    assert all(
        each["status"] in ("Cancelled", "Filled")
        for each in engine.gateway.control.books()["orders"]
        if each["conid"] == position.conid
    )
    assert orders_of(trip)["stop"].state is S.HELD


def test_while_the_exchange_is_shut_the_broker_keeps_the_exit_for_its_opening(
    engine: Engine,
) -> None:
    trip = traded(engine)
    engine.gateway.control.set_clock(SATURDAY)
    engine.tools.broker.ensure_session()
    closing_id = asked(engine, trip)
    for _ in range(3):
        carry_out(engine, closing_id)
        beside(engine)
        engine.gateway.control.advance(5)
    [exit] = exits()
    assert exit.state in LIVE
    assert orders_of(trip)["stop"].state is S.CANCELLED
    assert held(engine) == 100
    engine.gateway.control.set_clock(SATURDAY + timedelta(days=2, hours=3))
    engine.gateway.control.session("ready")
    engine.tools.broker.ensure_session()
    assert until_done(engine, closing_id).state is ClosingState.DONE
    assert held(engine) == 0
    assert len(sent_to_gateway(engine)) == 1


def test_an_order_in_doubt_is_waited_for(engine: Engine) -> None:
    trip = traded(engine)
    with transaction() as session:
        session.get_one(Order, orders_of(trip)["target"].id).client_order_id = "elsewhere"
        lost = session.get_one(Order, orders_of(trip)["target"].id)
        lost.state, lost.broker_order_id = S.UNKNOWN, "404"
    closing_id = asked(engine, trip)
    assert carry_out(engine, closing_id) is ClosingState.CANCELLING
    with transaction() as session:
        assert "being looked up first" in session.get_one(Closing, closing_id).outcome
    assert exits() == []
    assert held(engine) == 100
    assert orders_of(trip)["stop"].state is S.HELD


def test_three_round_trips_are_closed_with_hardly_more_questions_than_one(engine: Engine) -> None:
    def asked_for_orders() -> int:
        counts = engine.gateway.control.counts()
        return sum(number for path, number in counts.items() if path.endswith("account/orders"))

    def closing_all(*trips: RoundTrip) -> int:
        before = asked_for_orders()
        for trip in trips:
            asked(engine, trip)
        for _ in range(6):
            closing.watch(engine.clock, engine.tools.broker)
            engine.gateway.control.advance(5)
        return asked_for_orders() - before

    alone = closing_all(traded(engine))
    trips = [traded(engine, strategy_id=number, execution_id=number) for number in (2, 3, 4)]
    together = closing_all(*trips)
    assert held(engine) == 0
    assert {read_trip(trip).exit_reason for trip in trips} == {"hand"}
    assert together <= alone * 2
