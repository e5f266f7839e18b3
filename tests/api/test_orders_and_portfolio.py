"""Orders and portfolio over REST: the same figures as the pages, and the same refusals."""

from decimal import Decimal

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.portfolio.orders.models import Closing, Role
from backend.trading.numbers import plain
from backend.trading.order_state import OrderState
from tests.support.held_trades import orders_of as newest_of
from tests.support.held_trades import traded
from tests.support.kept_orders import (
    ACCOUNT,
    drifted,
    lone,
    look,
    orders_of,
    position,
    trade,
    worth,
)
from tests.support.live_engine import Engine
from tests.support.web_client import Api, new_key


@pytest.fixture
def trader(http: TestClient) -> Api:
    return Api(http, new_key("trader", "read", "operate", "trade"))


def test_orders_are_listed_newest_first_by_page_and_narrowed(api: Api) -> None:
    trip = trade()
    refused = lone(OrderState.REFUSED)
    everything = api.get("/orders")
    assert [each["id"] for each in everything["orders"]] == [refused, 3, 2, 1]
    first = api.get("/orders", limit=3)
    assert first["next_before"] == 2
    rest = api.get("/orders", limit=3, before=2)
    assert ([each["id"] for each in rest["orders"]], rest["next_before"]) == ([1], None)
    working = api.get("/orders", tab="working", round_trip=trip.id)["orders"]
    assert {each["role"] for each in working} == {"stop", "target"}
    assert api.get("/orders", symbol="msft")["orders"][0]["is_simulated"] is None
    assert api.refused("GET", "/orders", 422, params={"tab": "nothing"})["field"] == "tab"


def test_an_order_is_told_with_its_whole_life(api: Api) -> None:
    trip = trade()
    entry = orders_of(trip)[Role.ENTRY]
    told = api.get(f"/orders/{entry.id}")
    assert told["order"]["slippage"] == "0.02000000"
    assert [each["after"] for each in told["transitions"]] == ["planned", "sending", "filled"]
    assert told["questions"][0]["message_ids"] == ["o10331"]
    assert [each["quantity"] for each in told["fills"]] == ["60.00000000", "40.00000000"]
    assert len(told["same_trade"]) == 3
    api.refused("GET", "/orders/4711", 404)


def test_an_order_is_cancelled_by_a_key_that_may_trade(trader: Api, engine: Engine) -> None:
    entry = newest_of(traded(engine, limit=Decimal(50)))["entry"]
    answer = trader.post(f"/orders/{entry.id}/cancel", expect=202)
    assert answer["order"]["state"] == "cancelling"
    assert trader.refused("POST", "/orders/4711/cancel", 404)
    filled = lone(OrderState.FILLED)
    error = trader.refused("POST", f"/orders/{filled}/cancel", 409)
    assert error["code"] == "order_not_working"


def test_terms_are_checked_and_then_changed(trader: Api, engine: Engine) -> None:
    stop = newest_of(traded(engine))["stop"]
    assert stop.stop_price is not None
    wanted = {"stop_price": plain(stop.stop_price + 1)}
    path = f"/orders/{stop.id}"
    checked = trader.ask("PATCH", path, json={**wanted, "only_check": True})
    assert (checked["is_done"], list(checked["after"])) == (False, ["stop_price"])
    error = trader.refused("PATCH", path, 422, json={"stop_price": "480.005"})
    assert error["field"] == "stop_price"
    assert "does not lie on the tick" in error["message"]
    assert trader.refused("PATCH", path, 422, json={"price": 1})["field"] == "price"
    assert trader.refused("PATCH", path, 422, json={})["message"].startswith("Nothing would")
    done = trader.ask("PATCH", path, json=wanted)
    assert done["is_done"] is True
    assert newest_of_stop(trader, stop.id) == Decimal(wanted["stop_price"])


def newest_of_stop(api: Api, order_id: int) -> Decimal:
    return Decimal(api.get(f"/orders/{order_id}")["order"]["stop_price"])


def test_positions_exposure_equity_and_books_are_told(api: Api) -> None:
    trade()
    look(ACCOUNT, position(130))
    worth(99_000, minutes_ago=60)
    worth(100_000)
    number = drifted(100, 130)
    [row] = api.get(f"/portfolio/{ACCOUNT}/positions")["positions"]
    assert [Decimal(row["risk_to_stop"]), Decimal(row["others"])] == [Decimal(900), Decimal(30)]
    assert row["parts"][0]["strategy_name"] == "Always long"
    exposure = api.get(f"/portfolio/{ACCOUNT}/exposure")
    assert Decimal(exposure["gross"]) == 13_520
    points = api.get(f"/portfolio/{ACCOUNT}/equity", over="day")["points"]
    assert [point["equity"] for point in points] == [99_000, 100_000]
    books = api.get(f"/portfolio/{ACCOUNT}/books")
    assert books["lines"][0]["state"] == "drift"
    assert [each["id"] for each in books["drifts"]] == [number]
    assert api.get("/portfolio") == {"accounts": [ACCOUNT]}


def test_an_account_that_was_never_seen_is_not_found(api: Api) -> None:
    look()
    for what in ("positions", "exposure", "equity", "books"):
        assert "ever looked at" in api.refused("GET", f"/portfolio/DUX/{what}", 404)["message"]


def test_a_refresh_asks_the_broker(api: Api, engine: Engine) -> None:
    account = engine.tools.broker.accounts()[0].id
    assert api.post(f"/portfolio/{account}/refresh")["account"] == account
    engine.gateway.control.session("logged_out")
    error = api.refused("POST", f"/portfolio/{account}/refresh", 503)
    assert error["code"] == "session_down"


def test_closing_is_asked_for_once_and_followed(trader: Api) -> None:
    trip = trade()
    look(ACCOUNT, position(130))
    first = trader.post(f"/round-trips/{trip.id}/close", expect=202)
    again = trader.post(f"/round-trips/{trip.id}/close", expect=202)
    assert first["id"] == again["id"]
    rest = trader.post(f"/portfolio/{ACCOUNT}/positions/265598/close", expect=202)
    assert rest["round_trip_id"] is None
    assert trader.get(f"/closings/{first['id']}")["state"] == "asked"
    trader.refused("GET", "/closings/4711", 404)
    trader.refused("POST", "/round-trips/4711/close", 404)
    with transaction() as session:
        asked = session.scalars(select(Closing.asked_by)).all()
        assert set(asked) == {"key:trader"}


def test_a_drift_is_explained(trader: Api) -> None:
    look()
    number = drifted(100, 80)
    error = trader.refused("POST", f"/drifts/{number}/explain", 422, json={"reason": " "})
    assert error["field"] == "reason"
    told = trader.post(f"/drifts/{number}/explain", {"reason": "Sold by hand."})
    assert told["explained_by"] == "key:trader"
    trader.refused("POST", f"/drifts/{number}/explain", 409, json={"reason": "Again."})


def test_whoever_may_only_operate_lets_no_order_out(api: Api) -> None:
    trip = trade()
    for method, path in (
        ("POST", "/orders/1/cancel"),
        ("PATCH", "/orders/1"),
        ("POST", f"/round-trips/{trip.id}/close"),
        ("POST", "/drifts/1/explain"),
    ):
        api.refused(method, path, 403, json={})
