"""Placing, asking, changing and cancelling orders, with the traps of the real gateway."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway
from tests.papergateway.trader import Trader

CENT = Decimal("0.01")


def ids(response: httpx.Response) -> list[str]:
    found: list[str] = response.json()[0]["messageIds"]
    return found


def test_a_market_order_is_asked_about_and_then_filled_at_the_ask(trader: Trader) -> None:
    first = trader.post(trader.ticket(cOID="my-1"))
    assert first.status_code == 200
    (question,) = first.json()
    assert question.keys() == {"id", "message", "isSuppressed", "messageIds", "messageOptions"}
    assert question["messageIds"] == ["o354"]
    second = trader.reply(question["id"])
    assert ids(second) == ["o10151"]
    (placed,) = trader.reply(second.json()[0]["id"]).json()
    assert (placed["local_order_id"], placed["encrypt_message"]) == ("my-1", "1")
    assert isinstance(placed["order_id"], str)
    assert placed["order_status"] == "Filled"
    (trade,) = trader.gateway.control.books()["trades"]
    assert abs(Decimal(trade["price"]) - trader.last()) <= Decimal("0.50")


def test_a_question_is_answered_once(trader: Trader) -> None:
    question = trader.post(trader.ticket()).json()[0]["id"]
    trader.reply(question)
    again = trader.reply(question)
    assert again.status_code == 400
    assert again.json() == {"error": f"reply id not found: '{question}'"}


def test_a_declined_order_is_not_placed(trader: Trader) -> None:
    question = trader.post(trader.ticket()).json()[0]["id"]
    assert trader.reply(question, confirmed=False).json() == {"error": "Order not confirmed "}
    assert trader.gateway.control.books()["orders"] == []


def test_another_order_makes_an_open_question_stale_but_the_order_may_live(
    trader: Trader,
) -> None:
    lived = set()
    for number in range(12):
        first = trader.post(trader.ticket(cOID=f"a{number}", quantity=1)).json()[0]["id"]
        trader.post(trader.ticket(cOID=f"b{number}", quantity=1))
        late = trader.reply(first)
        assert late.status_code == 503
        assert late.json() == {"error": "Service Unavailable", "statusCode": 503}
        placed = {row.get("order_ref") for row in trader.gateway.control.books()["orders"]}
        lived.add(f"a{number}" in placed)
        assert trader.reply(first).status_code == 400
    assert lived == {True, False}


def test_suppressed_questions_are_not_asked_until_the_session_ends(
    trader: Trader, gateway: RunningGateway
) -> None:
    path = "/iserver/questions/suppress"
    assert trader.http.post(path, json={"messageIds": []}).status_code == 500
    many = [f"o{number}" for number in range(52)]
    assert trader.http.post(path, json={"messageIds": many}).status_code == 500
    answer = trader.http.post(path, json={"messageIds": ["o354", "o10151", "nonsense"]})
    assert answer.json() == {"status": "submitted"}
    assert trader.post(trader.ticket()).json()[0]["order_status"] == "Filled"
    gateway.control.happen("session_id")
    trader.http.get("/iserver/accounts")
    assert ids(trader.post(trader.ticket())) == ["o354"]
    trader.http.post(path, json={"messageIds": ["o354"]})
    assert ids(trader.post(trader.ticket())) == ["o10151"]
    assert trader.http.post(f"{path}/reset").json() == {"status": "submitted"}
    assert ids(trader.post(trader.ticket())) == ["o354"]


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({"orderType": "LMT", "offset": "-30"}, ["o354", "o163"]),
        ({"orderType": "LMT", "offset": "5"}, ["o354", "o403"]),
        ({"orderType": "LMT", "offset": "-1", "quantity": 501}, ["o354", "o383", "o451"]),
        ({"orderType": "LMT", "offset": "-1.005"}, ["o354", "o382"]),
        ({"orderType": "STP", "side": "SELL", "offset": "-1"}, ["o354", "o10331", "o10152"]),
        ({"orderType": "STP", "offset": "-1"}, ["o354", "o403", "o10331", "o10152"]),
        (
            {"quantity": None, "cashQty": 5_000},
            ["o10164", "o10223", "o354", "o10151"],
        ),
    ],
)
def test_warnings_come_one_after_the_other(
    trader: Trader, change: dict[str, Any], asked: list[str]
) -> None:
    offset = change.pop("offset", None)
    if offset is not None:
        change["price"] = float(trader.last() + Decimal(offset))
    found, response = [], trader.post(trader.ticket(**change))
    while "messageIds" in (row := response.json()[0] if response.text[0] == "[" else {}):
        found += row["messageIds"]
        response = trader.reply(row["id"])
    assert found == asked


def test_a_cash_quantity_buys_whole_shares(trader: Trader) -> None:
    (placed,) = trader.place(trader.ticket(quantity=None, cashQty=5_000))
    order = trader.order(placed["order_id"])
    assert order["totalSize"] == 5_000 // trader.last()


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"conid": None}, 400, "Bad Request: conid or conidex is required"),
        ({"side": None}, 400, "Bad Request: side is required"),
        ({"quantity": "many"}, 400, "Bad Request: quantity must be a number"),
        ({"quantity": None}, 400, "exactly one of quantity and cashQty"),
        ({"quantity": True}, 400, "quantity must be a number"),
        ({"quantity": "NaN"}, 400, "quantity must be a number"),
        ({"orderType": "MAGIC"}, 500, "Invalid orderType: MAGIC"),
        ({"tif": "GTD"}, 500, "Invalid tif: GTD"),
        ({"quantity": 0}, 200, "greater than zero"),
        ({"quantity": -5}, 200, "greater than zero"),
        ({"quantity": 1.5}, 200, "fractions of a share"),
        ({"orderType": "LMT"}, 200, "LMT needs price"),
        ({"orderType": "LMT", "price": -1}, 200, "greater than zero"),
        ({"orderType": "STOP_LIMIT", "price": 500}, 200, "auxPrice"),
        ({"orderType": "TRAIL", "trailingAmt": 1}, 200, "trailingType"),
        ({"orderType": "TRAIL", "trailingAmt": 100, "trailingType": "%"}, 200, "out of range"),
        ({"conid": 4711}, 200, "No security definition has been found"),
        ({"acctId": "DU9999999"}, 200, "Invalid account ID"),
        ({"orderType": "LMT", "price": 900}, 200, "We cannot accept an order at the limit price"),
        ({"parentId": "nobody"}, 200, "Parent order nobody was not found"),
        ({"quantity": 20_000}, 200, "MUST EXCEED THE INITIAL MARGIN"),
        ({"quantity": 20_000, "side": "SELL"}, 200, "MUST EXCEED THE INITIAL MARGIN"),
    ],
)
def test_what_is_no_good_is_refused_and_nothing_is_placed(
    trader: Trader, change: dict[str, Any], status: int, words: str
) -> None:
    ticket = {k: v for k, v in trader.ticket(**change).items() if v is not None}
    response = trader.post(ticket)
    if status == 200:
        found = trader.answered(response)
        assert words in found["error"]
    else:
        assert (response.status_code, words in response.json()["error"]) == (status, True)
    assert trader.gateway.control.books()["orders"] == []


@pytest.mark.parametrize("body", [b"", b"[]", b'{"orders": []}', b'{"orders": [7]}', b"{"])
def test_a_body_without_orders_is_malformed(trader: Trader, body: bytes) -> None:
    answer = trader.http.post(f"{trader.account}/orders", content=body)
    assert answer.status_code == 400


def test_a_local_order_id_is_refused_for_a_day(trader: Trader, gateway: RunningGateway) -> None:
    trader.place(trader.ticket(cOID="same", quantity=1))
    refused = trader.place(trader.ticket(cOID="same", quantity=1))
    expected = "Order couldn't be submitted: Local order ID=same is already registered."
    assert refused == {"error": expected}
    gateway.control.advance(86_401)
    trader.http.post("/iserver/auth/ssodh/init", json={"compete": True})
    gateway.control.advance(2)
    trader.http.get("/iserver/accounts")
    assert trader.place(trader.ticket(cOID="same", quantity=1))[0]["local_order_id"] == "same"


def test_unrelated_orders_are_not_taken_together(trader: Trader) -> None:
    found = trader.place(trader.ticket(quantity=1), trader.ticket(quantity=2))
    assert "one at a time" in found["error"]


def test_nothing_is_traded_before_the_account_list_was_read(client: httpx.Client) -> None:
    for method, path in (
        ("POST", f"/iserver/account/{ACCOUNT}/orders"),
        ("POST", f"/iserver/account/{ACCOUNT}/order/1"),
        ("DELETE", f"/iserver/account/{ACCOUNT}/order/1"),
        ("GET", "/iserver/account/order/status/1"),
    ):
        answer = client.request(method, path)
        assert answer.status_code == 400
        assert "query /accounts first" in answer.json()["error"]


def test_a_limit_works_until_it_is_cancelled(trader: Trader, gateway: RunningGateway) -> None:
    # A cancel takes half a second there; here that is minutes.
    gateway.control.run_at(0.001)
    (placed,) = trader.place(trader.limit(trader.last() - 20, cOID="low"))
    assert placed["order_status"] == "Submitted"
    (row,) = trader.live()
    assert row["orderDesc"] == f"Buy 100 Limit {row['price']}, Day"
    assert (row["orderId"], row["order_ref"]) == (int(placed["order_id"]), "low")
    assert (row["sizeAndFills"], row["remainingQuantity"]) == ("0/100", 100.0)
    assert (row["timeInForce"], row["side"], row["origOrderType"]) == ("CLOSE", "BUY", "LIMIT")
    cancelled = trader.http.delete(f"{trader.account}/order/{placed['order_id']}")
    assert cancelled.json() == {
        "msg": "Request was submitted",
        "order_id": int(placed["order_id"]),
        "conid": 265598,
        "account": ACCOUNT,
    }
    assert trader.live()[0]["status"] == "PendingCancel"
    gateway.control.advance(1)
    assert trader.live()[0]["status"] == "Cancelled"
    again = trader.http.delete(f"{trader.account}/order/{placed['order_id']}")
    assert (again.status_code, again.json()) == (400, {"error": "Order is inactive"})


def test_an_order_that_does_not_exist_cannot_be_cancelled_or_changed(trader: Trader) -> None:
    path = f"{trader.account}/order/123"
    gone = trader.http.delete(path)
    assert (gone.status_code, gone.json()) == (400, {"error": "OrderID 123 doesn't exist"})
    assert trader.http.post(path, json=trader.ticket()).json() == gone.json()
    assert trader.http.get("/iserver/account/order/status/123").status_code == 400


def test_minus_one_cancels_everything(trader: Trader, gateway: RunningGateway) -> None:
    for number in range(3):
        trader.place(trader.limit(trader.last() - 15 - number))
    answer = trader.http.delete(f"{trader.account}/order/-1").json()
    assert (answer["order_id"], answer["conid"], answer["account"]) == (-1, -1, None)
    gateway.control.advance(1)
    assert {row["status"] for row in trader.live()} == {"Cancelled"}


def test_an_order_is_changed_under_its_own_number(trader: Trader) -> None:
    low = trader.last() - 20
    (placed,) = trader.place(trader.limit(low))
    path = f"{trader.account}/order/{placed['order_id']}"
    changed = trader.limit(low - 1, quantity=150, tif="GTC")
    (answer,) = trader.answered(trader.http.post(path, json=changed))
    assert answer["order_id"] == placed["order_id"]
    (row,) = trader.live()
    assert (row["price"], row["totalSize"]) == (f"{low - 1:.2f}", 150.0)
    assert row["timeInForce"] == "GTC"
    other = trader.http.post(path, json={**changed, "side": "SELL"})
    assert "cannot be modified" in trader.answered(other)["error"]
    large = trader.http.post(path, json={**changed, "quantity": 700})
    assert ids(large) == ["o354"]
    assert ids(trader.reply(large.json()[0]["id"])) == ["o10138"]


def test_a_filled_order_cannot_be_changed(trader: Trader) -> None:
    (placed,) = trader.place(trader.ticket())
    path = f"{trader.account}/order/{placed['order_id']}"
    found = trader.answered(trader.http.post(path, json=trader.ticket()))
    assert found == {"error": "Order is inactive"}


def test_a_size_below_what_was_filled_is_refused(trader: Trader, gateway: RunningGateway) -> None:
    gateway.control.add_fault("partial_fill", shares=40, seconds=600)
    (placed,) = trader.place(trader.limit(trader.last() + 2))
    assert trader.order(placed["order_id"])["filledQuantity"] == 40
    path = f"{trader.account}/order/{placed['order_id']}"
    price = trader.last() + 2
    found = trader.answered(trader.http.post(path, json=trader.limit(price, quantity=40)))
    assert "40 shares have been filled" in found["error"]
    trader.answered(trader.http.post(path, json=trader.limit(price, quantity=60)))
    gateway.control.advance(601)
    assert trader.order(placed["order_id"])["sizeAndFills"] == "60"


def test_order_status_writes_sizes_as_texts(trader: Trader) -> None:
    (placed,) = trader.place(trader.limit(trader.last() - 20, tif="GTC"))
    number = int(placed["order_id"])
    found = trader.http.get(f"/iserver/account/order/status/{number}").json()
    assert (found["order_id"], found["side"]) == (number, "B")
    assert (found["size"], found["total_size"], found["cum_fill"]) == ("100.0", "100.0", "0.0")
    assert (found["order_status"], found["order_ccp_status"]) == ("Submitted", "0")
    assert found["order_description"].startswith("Buy 100 Limit")
    assert found["order_description_with_contract"].startswith("Buy 100 AAPL Limit")
    (done,) = trader.place(trader.ticket())
    found = trader.http.get(f"/iserver/account/order/status/{done['order_id']}").json()
    assert (found["size"], found["cum_fill"], found["order_ccp_status"]) == ("0.0", "100.0", "2")
    assert Decimal(found["average_price"]) > 0
    assert found["size_and_fills"] == "100"


def test_an_order_of_yesterday_is_gone_from_the_lists(
    trader: Trader, gateway: RunningGateway
) -> None:
    (done,) = trader.place(trader.ticket())
    gateway.control.run_at(100)
    gateway.control.advance(86_400)
    trader.http.get("/iserver/accounts")
    assert trader.live() == []
    assert trader.http.get(f"/iserver/account/order/status/{done['order_id']}").status_code == 503
    assert trader.trades() == []
    assert len(trader.trades(days="2")) == 1


def test_live_orders_can_be_filtered(trader: Trader) -> None:
    trader.place(trader.limit(trader.last() - 20))
    trader.place(trader.ticket())
    assert [row["status"] for row in trader.live(filters="filled")] == ["Filled"]
    assert [row["status"] for row in trader.live(filters="submitted,sort_by_time")] == ["Submitted"]
    assert len(trader.live()) == 2
    assert trader.live(accountId="DU9999999") == []


def test_trades_tell_prices_as_texts_and_the_commission_later(
    trader: Trader, gateway: RunningGateway
) -> None:
    gateway.control.run_at(0.001)
    (placed,) = trader.place(trader.ticket(cOID="t"))
    (trade,) = trader.trades()
    assert "commission" not in trade
    assert (trade["order_id"], trade["order_ref"]) == (int(placed["order_id"]), "t")
    assert (trade["side"], trade["size"]) == ("B", 100.0)
    assert trade["order_description"] == f"Bought 100 @ {trade['price']} on ISLAND"
    gateway.control.advance(2)
    (trade,) = trader.trades()
    assert trade["commission"] == "1.00"


def test_a_preview_is_made_of_texts_and_places_nothing(trader: Trader) -> None:
    path = f"{trader.account}/orders/whatif"
    body = {"orders": [trader.ticket(quantity=10)]}
    assert trader.http.post(path, json=body).status_code == 400
    trader.http.get("/iserver/marketdata/snapshot", params={"conids": "265598", "fields": "31"})
    found = trader.http.post(path, json=body).json()
    assert found["amount"]["commission"] == "1 USD"
    assert found["amount"]["amount"].endswith("USD (10 Shares)")
    assert found["position"] == {"current": "0", "change": "10", "after": "10"}
    assert found["equity"] == {"current": "1,000,000", "change": "-1", "after": "999,999"}
    assert found["warn"].startswith("21/")
    assert found["error"] is None
    body = {"orders": [trader.ticket(quantity=50_000)]}
    found = trader.http.post(path, json=body).json()
    assert "MUST EXCEED" in found["error"]
    assert trader.gateway.control.books()["orders"] == []
    unknown = {"orders": [trader.ticket(conid=4711)]}
    assert trader.http.post(path, json=unknown).status_code == 400


def test_contract_rules_name_what_can_be_traded(trader: Trader) -> None:
    rules = trader.http.post(
        "/iserver/contract/rules", json={"conid": 265598, "isBuy": True}
    ).json()
    assert {"limit", "market", "stop", "stop_limit", "trailing_stop", "midprice"} <= set(
        rules["orderTypes"]
    )
    assert abs(Decimal(rules["orderDefaults"]["LMT"]["LP"]) - trader.last()) < 1
    assert rules["increment"] == 0.01
    (placed,) = trader.place(trader.limit(trader.last() - 20))
    again = trader.http.post(
        "/iserver/contract/rules",
        json={"conid": 265598, "modifyOrder": True, "orderId": int(placed["order_id"])},
    ).json()
    assert again["modTypes"] == ["LMT"]
    both = trader.http.get("/iserver/contract/265598/info-and-rules").json()
    assert both["rules"]["canTradeAcctIds"] == [ACCOUNT]
