"""Cancelling and changing orders by hand, at the real paper gateway."""

from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.core.redis import client
from backend.portfolio import halts
from backend.portfolio.orders import endings
from backend.portfolio.orders.models import Order, OrderTransition, RoundTrip
from backend.trading.numbers import plain
from backend.trading.order_state import OrderState
from backend.web.audit import AuditRow
from tests.support.held_trades import followed, orders_of, traded
from tests.support.kept_orders import lone, trade
from tests.support.live_engine import Engine
from tests.support.web_client import text_of

S = OrderState
CHANGE = "iserver/account/*/order/*"
AWAY = Decimal(50)
"""A limit so far below the market that nothing fills."""


def said(http: TestClient, path: str, **fields: object) -> str:
    """What the page that follows tells."""
    response = http.post(path, data=fields)
    assert response.status_code == 303, response.text
    return unescape(text_of(http.get(response.headers["location"])))


def at_gateway(engine: Engine, order: Order) -> dict[str, Any]:
    """The order as the gateway's own books hold it."""
    listed = engine.gateway.control.books()["orders"]
    return next(each for each in listed if str(each["orderId"]) == order.broker_order_id)


def later(engine: Engine) -> None:
    """A little later the broker's lists may be asked for again."""
    engine.gateway.control.advance(5)
    for gate in client().scan_iter("glassbox:pacing:*"):
        client().delete(gate)


def audited() -> list[tuple[str, str]]:
    with transaction() as session:
        return [(row.action, row.actor) for row in session.scalars(select(AuditRow))]


def sentences(order: Order) -> list[str]:
    with transaction() as session:
        query = select(OrderTransition.sentence).where(OrderTransition.order_id == order.id)
        return list(session.scalars(query.order_by(OrderTransition.id)))


def update(order: Order, **values: object) -> None:
    with transaction() as session:
        row = session.get_one(Order, order.id)
        for name, value in values.items():
            setattr(row, name, value)


def anew(order: Order) -> Order:
    with transaction() as session:
        return session.get_one(Order, order.id)


def test_an_entry_that_works_is_cancelled_with_its_bracket(
    http: TestClient, engine: Engine
) -> None:
    trip = traded(engine, limit=AWAY)
    entry = orders_of(trip)["entry"]
    assert entry.state is S.WORKING
    html = said(http, f"/orders/{entry.id}/cancel")
    assert "Its cancellation was asked for" in html
    assert "person:ann asked for its cancellation." in html
    later(engine)
    followed(engine)
    assert {order.state for order in orders_of(trip).values()} == {S.CANCELLED}
    assert ("order.cancel_asked", "person:ann") in audited()
    again = said(http, f"/orders/{entry.id}/cancel")
    assert "is cancelled already." in again


def test_a_filled_order_is_not_cancelled_and_says_what_to_do(
    http: TestClient, engine: Engine
) -> None:
    entry = orders_of(traded(engine))["entry"]
    assert entry.state is S.FILLED
    html = said(http, f"/orders/{entry.id}/cancel")
    assert "is filled, so there is nothing left to cancel" in html
    assert "closed on the portfolio page" in html


def test_a_broker_that_says_no_is_heard_and_the_truth_is_read(
    http: TestClient, engine: Engine
) -> None:
    """The order was filled a moment ago, and nobody has told us yet."""
    entry = orders_of(traded(engine))["entry"]
    with transaction() as session:
        row = session.get_one(Order, entry.id)
        row.state, row.done_at, row.filled = S.WORKING, None, Decimal(0)
    later(engine)
    assert "The broker does not cancel it" in said(http, f"/orders/{entry.id}/cancel")
    assert anew(entry).state is S.FILLED


def test_what_never_went_out_is_withdrawn_with_its_bracket(http: TestClient) -> None:
    trip = trade()
    orders = orders_of(trip)
    for order in orders.values():
        update(order, state=S.PLANNED, broker_order_id=None, done_at=None, filled=Decimal(0))
    with transaction() as session:
        session.get_one(RoundTrip, trip.id).entered = Decimal(0)
    html = said(http, f"/orders/{orders['entry'].id}/cancel")
    assert "withdrawn before anything went out" in html
    assert {order.state for order in orders_of(trip).values()} == {S.WITHDRAWN}
    with transaction() as session:
        row = session.get_one(RoundTrip, trip.id)
        ending = endings.ending_of(row)
        assert (row.exit_reason, row.closed_at is not None) == ("withdrawn", True)
        assert ending is not None
        assert ending.code == "withdrawn_by_person"


@pytest.mark.parametrize("state", [S.SENDING, S.UNKNOWN, S.LOST])
def test_an_order_in_doubt_is_looked_up_first(http: TestClient, state: OrderState) -> None:
    number = lone(state)
    for what in ("cancel", "modify"):
        assert "is being looked up at the broker" in said(http, f"/orders/{number}/{what}")
    html = text_of(http.get(f"/orders/{number}"))
    assert "is being looked up at the broker" in html
    assert 'action="/orders/' not in html


def test_a_gateway_that_is_logged_out_changes_nothing(http: TestClient, engine: Engine) -> None:
    stop = orders_of(traded(engine))["stop"]
    engine.gateway.control.session("logged_out")
    later(engine)
    cancelled = said(http, f"/orders/{stop.id}/cancel")
    assert "notice-warn" in cancelled
    assert anew(stop).state is S.HELD


def test_a_stop_is_moved_at_the_broker_after_what_changes_was_shown(
    http: TestClient, engine: Engine
) -> None:
    trip = traded(engine)
    stop = orders_of(trip)["stop"]
    assert stop.stop_price is not None
    nearer = plain(stop.stop_price + Decimal("0.5"))
    shown = http.post(f"/orders/{stop.id}/modify", data={"stop_price": nearer})
    assert shown.status_code == 200
    assert "What would change at the broker" in shown.text
    assert "From entry to stop" in shown.text
    assert orders_of(trip)["stop"].stop_price == stop.stop_price
    later(engine)
    html = said(http, f"/orders/{stop.id}/modify", stop_price=nearer, sure="yes")
    assert f"Changed at the broker: stop {plain(stop.stop_price)} → {nearer}" in html
    assert orders_of(trip)["stop"].stop_price == Decimal(nearer)
    assert Decimal(str(at_gateway(engine, stop)["stop_price"])) == Decimal(nearer)
    assert any("person:ann changed it" in each for each in sentences(stop))
    assert ("order.modified", "person:ann") in audited()


def test_a_wider_stop_says_that_it_risks_more(http: TestClient, engine: Engine) -> None:
    stop = orders_of(traded(engine))["stop"]
    assert stop.stop_price is not None
    wider = plain(stop.stop_price - 1)
    shown = http.post(f"/orders/{stop.id}/modify", data={"stop_price": wider})
    assert "This risks more than was decided" in shown.text


REFUSED = [
    ("entry", {"limit_price": "50.005"}, "limit_price", "does not lie on the tick of 0.01"),
    ("entry", {"limit_price": "50.01"}, "limit_price", "may not pay more than 50"),
    ("entry", {"limit_price": "1"}, "limit_price", "below the trade's own stop"),
    ("entry", {"limit_price": "fifty"}, "limit_price", "is no number"),
    ("entry", {"limit_price": "NaN"}, "limit_price", "above zero"),
    ("entry", {"quantity": "0"}, "quantity", "above zero"),
    ("entry", {"quantity": "101"}, "quantity", "not larger than 100"),
    ("entry", {"quantity": "40"}, "quantity", "40 of it are filled already"),
    ("entry", {"quantity": "99.5"}, "quantity", "whole lots of 1"),
    ("entry", {"stop_price": "40"}, "stop_price", "has none"),
    ("entry", {}, "", "Nothing would change"),
    ("stop", {"stop_price": "100000"}, "stop_price", "it would fire at once"),
    ("stop", {"quantity": "60"}, "quantity", "some would be without a stop"),
    ("target", {"quantity": "150"}, "quantity", "more would turn it over"),
]


@pytest.mark.parametrize(("role", "fields", "field", "message"), REFUSED)
def test_a_change_that_cannot_be_names_what_is_wrong_and_keeps_what_was_typed(
    http: TestClient,
    engine: Engine,
    role: str,
    fields: dict[str, str],
    field: str,
    message: str,
) -> None:
    trip = traded(engine, limit=AWAY if role == "entry" else None)
    order = orders_of(trip)[role]
    if role == "entry":
        with transaction() as session:
            session.get_one(RoundTrip, trip.id).stop = Decimal(45)
        if fields.get("quantity") == "40":
            update(order, filled=Decimal(40))
    response = http.post(f"/orders/{order.id}/modify", data={**fields, "sure": "yes"})
    assert response.status_code == 422, response.text
    html = unescape(text_of(response))
    assert message in html
    if field in ("quantity", "limit_price"):
        assert f'value="{fields[field]}"' in html
    assert orders_of(trip)[role].updated_at == anew(order).updated_at
    assert ("order.modified", "person:ann") not in audited()


@pytest.mark.parametrize("kind", ["error", "drop", "rate_limit"])
def test_the_broker_may_say_no_and_the_old_terms_hold(
    http: TestClient, engine: Engine, kind: str
) -> None:
    stop = orders_of(traded(engine))["stop"]
    assert stop.stop_price is not None
    engine.gateway.control.add_fault(kind, CHANGE, method="POST", times=1)
    later(engine)
    nearer = plain(stop.stop_price + 1)
    html = said(http, f"/orders/{stop.id}/modify", stop_price=nearer, sure="yes")
    assert "Its terms are as before: " in html
    assert anew(stop).stop_price == stop.stop_price
    assert Decimal(str(at_gateway(engine, stop)["stop_price"])) == stop.stop_price
    assert ("order.not_modified", "person:ann") in audited()


def test_a_change_that_was_taken_without_an_answer_is_told_as_taken(
    http: TestClient, engine: Engine
) -> None:
    stop = orders_of(traded(engine))["stop"]
    assert stop.stop_price is not None
    engine.gateway.control.add_fault("drop_after", CHANGE, method="POST", times=1)
    later(engine)
    nearer = plain(stop.stop_price + 1)
    html = said(http, f"/orders/{stop.id}/modify", stop_price=nearer, sure="yes")
    shown = Decimal(str(at_gateway(engine, stop)["stop_price"]))
    assert ("Changed at the broker" in html) == (shown == Decimal(nearer))
    assert anew(stop).stop_price == shown


def test_a_filled_order_is_not_changed(http: TestClient, engine: Engine) -> None:
    entry = orders_of(traded(engine))["entry"]
    html = said(http, f"/orders/{entry.id}/modify", quantity="50", sure="yes")
    assert "is filled, so there is nothing left to change" in html


def test_while_halted_an_entry_may_be_cancelled_only(http: TestClient, engine: Engine) -> None:
    entry = orders_of(traded(engine, limit=AWAY))["entry"]
    with transaction() as session:
        halts.pull(
            session, engine.clock, scope="all", target="", meaning="stop", reason="", actor="test"
        )
    html = said(http, f"/orders/{entry.id}/modify", quantity="50", sure="yes")
    assert "An entry can be cancelled meanwhile, not changed." in html
    assert "Its cancellation was asked for" in said(http, f"/orders/{entry.id}/cancel")


def test_the_ladder_comes_with_the_markets_price(http: TestClient, engine: Engine) -> None:
    stop = orders_of(traded(engine))["stop"]
    assert f'data-lazy="/orders/{stop.id}/ladder"' in text_of(http.get(f"/orders/{stop.id}"))
    html = text_of(http.get(f"/orders/{stop.id}/ladder"))
    assert "Last price" in html
    assert ">Now</text>" in html
    engine.gateway.control.session("logged_out")
    assert "Without the market's price" in text_of(http.get(f"/orders/{stop.id}/ladder"))


@pytest.mark.parametrize("what", ["cancel", "modify"])
def test_an_order_that_is_not_there_is_not_found(http: TestClient, what: str) -> None:
    assert http.post(f"/orders/4711/{what}", data={}).status_code == 404
