"""What can go wrong around an order, at the push of a button."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway
from tests.papergateway.trader import Trader

ORDERS = f"iserver/account/{ACCOUNT}/orders"
SILENT = ["o354", "o10151", "o403", "o163", "o10331", "o10152", "o451", "o383"]


@pytest.fixture
def unasked(trader: Trader) -> Trader:
    """A trader who is asked nothing."""
    trader.http.post("/iserver/questions/suppress", json={"messageIds": SILENT})
    return trader


def orders(gateway: RunningGateway) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gateway.control.books()["orders"]
    return found


def test_the_answer_is_503_although_the_order_was_taken(
    unasked: Trader, gateway: RunningGateway
) -> None:
    gateway.control.add_fault("error_after", ORDERS, method="POST", times=1)
    assert unasked.post(unasked.ticket(cOID="once")).status_code == 503
    assert [row["order_ref"] for row in orders(gateway)] == ["once"]
    again = unasked.post(unasked.ticket(cOID="once")).json()
    assert "already registered" in again["error"]
    assert len(orders(gateway)) == 1


@pytest.mark.parametrize(("kind", "taken"), [("drop", 0), ("drop_after", 1)])
def test_the_connection_is_cut_before_or_after_the_order_was_taken(
    unasked: Trader, gateway: RunningGateway, kind: str, taken: int
) -> None:
    gateway.control.add_fault(kind, ORDERS, method="POST", times=1)
    with pytest.raises(httpx.TransportError):
        unasked.post(unasked.ticket())
    assert len(orders(gateway)) == taken


def test_an_answer_comes_late_although_the_order_was_taken_at_once(
    unasked: Trader, gateway: RunningGateway
) -> None:
    before = gateway.control.now_ms()
    gateway.control.run_at(20)
    gateway.control.add_fault("delay_after", ORDERS, seconds=8, times=1)
    answer = unasked.post(unasked.ticket())
    assert answer.json()[0]["order_status"] == "Filled"
    assert gateway.control.now_ms() - before >= 8_000
    assert orders(gateway)[0]["placed_ms"] - before < 4_000


def test_an_order_can_stay_unacknowledged_for_a_while(
    unasked: Trader, gateway: RunningGateway
) -> None:
    gateway.control.add_fault("slow_acknowledgement", ORDERS, seconds=30)
    (placed,) = unasked.place(unasked.ticket())
    assert placed["order_status"] == "PendingSubmit"
    gateway.control.advance(20)
    assert unasked.order(placed["order_id"])["status"] == "PendingSubmit"
    gateway.control.advance(11)
    assert unasked.order(placed["order_id"])["status"] == "Filled"


def test_a_partial_fill_can_be_forced(unasked: Trader, gateway: RunningGateway) -> None:
    gateway.control.add_fault("partial_fill", ORDERS, shares=25, seconds=60)
    (placed,) = unasked.place(unasked.ticket())
    assert placed["order_status"] == "Submitted"
    row = unasked.order(placed["order_id"])
    assert (row["sizeAndFills"], row["remainingQuantity"]) == ("25/100", 75.0)
    gateway.control.advance(61)
    assert unasked.order(placed["order_id"])["status"] == "Filled"


def test_a_commission_can_be_late(unasked: Trader, gateway: RunningGateway) -> None:
    gateway.control.add_fault("late_commission", ORDERS, seconds=60)
    unasked.place(unasked.ticket())
    gateway.control.advance(30)
    (trade,) = unasked.trades()
    assert "commission" not in trade
    gateway.control.advance(40)
    assert unasked.trades()[0]["commission"] == "1.00"


def test_a_question_can_be_one_that_nobody_knows(unasked: Trader, gateway: RunningGateway) -> None:
    gateway.control.add_fault("unknown_question", ORDERS, times=1, text="Are you a robot?")
    (question,) = unasked.post(unasked.ticket()).json()
    assert (question["messageIds"], question["message"]) == (["o99999"], ["Are you a robot?"])
    assert unasked.reply(question["id"]).json()[0]["order_status"] == "Filled"


@pytest.mark.parametrize(("kind", "lives"), [("stale_reply_live", 1), ("stale_reply_lost", 0)])
def test_a_reply_can_be_stale_with_and_without_an_order(
    trader: Trader, gateway: RunningGateway, kind: str, lives: int
) -> None:
    gateway.control.add_fault(kind, "iserver/reply/*", times=1)
    question = trader.post(trader.ticket()).json()[0]["id"]
    assert trader.reply(question).status_code == 503
    assert len(orders(gateway)) == lives
    assert trader.reply(question).status_code == 400


def test_an_order_can_be_refused_at_once_and_later(
    unasked: Trader, gateway: RunningGateway
) -> None:
    gateway.control.add_fault("order_refused", ORDERS, times=1, text="No trading permission.")
    assert unasked.place(unasked.ticket()) == {"error": "No trading permission."}
    assert orders(gateway) == []
    gateway.control.add_fault("order_refused_later", ORDERS, times=1, text="Not shortable.")
    (placed,) = unasked.place(unasked.ticket())
    assert placed["order_status"] == "Submitted"
    gateway.control.advance(1)
    row = unasked.order(placed["order_id"])
    assert (row["status"], row["filledQuantity"]) == ("Cancelled", 0)
    assert row["order_cancellation_by_system_reason"] == "Not shortable."


def bracket(trader: Trader) -> list[dict[str, Any]]:
    price = trader.last()
    out = {"parentId": "entry", "side": "SELL", "tif": "GTC"}
    return [
        trader.ticket(cOID="entry"),
        trader.limit(price + Decimal(20), **out),
        trader.ticket(**out, orderType="STP", price=float(price - 20)),
    ]


def test_a_bracket_is_answered_children_first(unasked: Trader, gateway: RunningGateway) -> None:
    stop, target, entry = unasked.place(*bracket(unasked))
    assert entry["local_order_id"] == "entry"
    assert stop["parent_order_id"] == target["parent_order_id"] == entry["order_id"]
    assert "local_order_id" not in stop
    statuses = {row["orderId"]: row["status"] for row in orders(gateway)}
    assert statuses[int(entry["order_id"])] == "Filled"
    assert statuses[int(target["order_id"])] == "Submitted"
    assert statuses[int(stop["order_id"])] == "PreSubmitted"


def test_children_can_be_refused_while_the_parent_goes_live(
    unasked: Trader, gateway: RunningGateway
) -> None:
    gateway.control.add_fault("child_refused", ORDERS, text="Child order was rejected.")
    *children, parent = unasked.place(*bracket(unasked))
    assert [(row["order_id"], row["order_status"]) for row in children] == [("-1", "Failed")] * 2
    assert children[0]["text"] == "Child order was rejected."
    assert parent["order_status"] == "Inactive"
    assert [row["status"] for row in orders(gateway)] == ["Filled"]


def test_children_can_be_cancelled_by_the_system(unasked: Trader, gateway: RunningGateway) -> None:
    gateway.control.add_fault("child_cancelled", ORDERS)
    unasked.place(*bracket(unasked))
    gateway.control.advance(1)
    assert [row["status"] for row in orders(gateway)] == ["Filled", "Cancelled", "Cancelled"]
    assert gateway.control.books()["positions"] == {"AAPL": 100}


def test_a_position_can_change_by_another_hand(unasked: Trader, gateway: RunningGateway) -> None:
    gateway.control.trade("AAPL", "BUY", 70)
    assert gateway.control.books()["positions"] == {"AAPL": 70}
    (trade,) = unasked.trades()
    assert trade["submitter"] == "tws"
    assert "order_ref" not in trade
    with pytest.raises(AssertionError, match="Did you mean 'AAPL'"):
        gateway.control.trade("AAPLE", "BUY", 1)
    with pytest.raises(AssertionError, match="was refused"):
        gateway.control.trade("AAPL", "BUY", 900_000)


def test_a_restart_forgets_questions_and_keeps_the_account(
    trader: Trader, gateway: RunningGateway
) -> None:
    trader.place(trader.ticket())
    trader.place(trader.limit(trader.last() - 20, cOID="low"))
    question = trader.post(trader.ticket()).json()[0]["id"]
    before = gateway.control.books()
    gateway.control.restart()
    trader.http.get("/iserver/accounts")
    assert trader.reply(question).status_code == 400
    after = gateway.control.books()
    assert after["open_questions"] == 0
    assert after["orders"] == before["orders"]
    assert after["accounts"] == before["accounts"]


def test_somebody_else_takes_the_session_between_question_and_reply(
    trader: Trader, gateway: RunningGateway
) -> None:
    question = trader.post(trader.ticket()).json()[0]["id"]
    gateway.control.add_fault("competing", "iserver/reply/*", times=1)
    answer = trader.reply(question)
    assert (answer.status_code, "no bridge" in answer.text) == (400, True)
    assert orders(gateway) == []


def test_every_fault_says_what_it_does(gateway: RunningGateway) -> None:
    kinds = gateway.control.fault_kinds()
    assert len(kinds) > 30
    assert all(len(sentence) > 10 for sentence in kinds.values())
    assert "503" in kinds["error_after"]


@pytest.mark.parametrize(("said", "placed"), [("Yes", 1), ("No", 0)])
def test_a_prompt_holds_an_order_back_until_it_is_answered(
    unasked: Trader, gateway: RunningGateway, said: str, placed: int
) -> None:
    gateway.control.add_fault("prompt", ORDERS, times=1)
    prompt = unasked.post(unasked.ticket(cOID="held")).json()
    assert (prompt["messageId"], prompt["prompt"], prompt["type"]) == ("p12", True, "M")
    assert orders(gateway) == []
    answer = {"orderId": prompt["orderId"], "reqId": prompt["reqId"], "text": said}
    for status in (200, 400):
        found = unasked.http.post("/iserver/notification", json=answer)
        assert found.status_code == status
    assert len(orders(gateway)) == placed
