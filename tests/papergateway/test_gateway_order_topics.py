"""The topics of a trading account, frame by frame."""

import json
import ssl
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway
from tests.papergateway.trader import Trader

Frame = dict[str, Any]


class Listener:
    """Rows of a topic as they come in."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def say(self, text: str) -> None:
        self._connection.send(text)

    def topic(self, topic: str, is_it: Callable[[Any], object] = lambda frame: True) -> Frame:
        end = time.monotonic() + 8
        while time.monotonic() < end:
            frame: Frame = json.loads(self._connection.recv(5))
            if frame.get("topic") == topic and is_it(frame):
                return frame
        raise AssertionError(f"No such {topic} came.")

    def is_cut(self) -> bool:
        """Whether the line goes dead within some seconds."""
        try:
            for _ in range(50):
                self._connection.recv(5)
        except ConnectionClosed:
            return True
        except TimeoutError:
            return False
        return False

    def topics_until_tic(self) -> list[str]:
        self.say("tic")
        topics: list[str] = []
        while True:
            topic = json.loads(self._connection.recv(5)).get("topic", "")
            if topic == "tic":
                return topics
            topics.append(topic)


@pytest.fixture
def listener(gateway: RunningGateway, trusted: ssl.SSLContext) -> Iterator[Listener]:
    with connect(gateway.websocket_url, ssl=trusted, proxy=None) as connection:
        listener = Listener(connection)
        listener.topic("act")
        yield listener


def test_an_order_is_told_in_full_and_then_by_what_changes(
    trader: Trader, gateway: RunningGateway, listener: Listener
) -> None:
    listener.say("sor+{}")
    assert listener.topic("sor")["args"] == []
    (placed,) = trader.place(trader.limit(trader.last() - 20, cOID="mine"))
    rows = [row for frame in [listener.topic("sor")] for row in frame["args"]]
    assert rows[0]["status"] == "PendingSubmit"
    assert rows[0]["order_ref"] == "mine"
    assert rows[1].keys() >= {"acct", "conidex", "conid", "orderId", "isEventTrading", "status"}
    assert "ticker" not in rows[1]
    assert rows[1]["status"] == "Submitted"
    trader.http.delete(f"{trader.account}/order/{placed['order_id']}")
    assert listener.topic("sor")["args"][0]["status"] == "PendingCancel"
    gateway.control.advance(1)
    gone = listener.topic("sor")["args"][0]
    assert gone["status"] == "Cancelled"
    assert "ticker" not in gone


def test_a_late_subscriber_gets_todays_orders(trader: Trader, listener: Listener) -> None:
    trader.place(trader.ticket())
    trader.place(trader.limit(trader.last() - 20))
    listener.say("sor")
    rows = listener.topic("sor")["args"]
    assert [row["status"] for row in rows] == ["Filled", "Submitted"]
    assert rows[0]["price"] == ""
    assert rows[0]["sizeAndFills"] == "100"


def test_a_subscription_can_be_for_some_states_only(trader: Trader, listener: Listener) -> None:
    trader.place(trader.limit(trader.last() - 20))
    listener.say('sor+{"filters":["Filled"]}')
    assert listener.topic("sor")["args"] == []
    trader.place(trader.ticket())
    assert [row["status"] for row in listener.topic("sor")["args"]] == ["Filled"]


def test_a_filtered_read_silences_orders_until_a_forced_one(
    trader: Trader, gateway: RunningGateway, listener: Listener
) -> None:
    listener.say("sor")
    listener.topic("sor")
    trader.http.get("/iserver/account/orders", params={"filters": "filled"})
    (placed,) = trader.place(trader.limit(trader.last() - 20))
    gateway.control.advance(1)
    assert "sor" not in listener.topics_until_tic()
    trader.http.get("/iserver/account/orders", params={"force": "true"})
    trader.http.delete(f"{trader.account}/order/{placed['order_id']}")
    row = listener.topic("sor")["args"][0]
    assert row["status"] == "PendingCancel"
    listener.say("uor+{}")
    listener.topics_until_tic()
    gateway.control.advance(1)
    trader.place(trader.limit(trader.last() - 20))
    assert "sor" not in listener.topics_until_tic()


def test_an_execution_is_told_twice_the_second_time_with_its_commission(
    trader: Trader, gateway: RunningGateway, listener: Listener
) -> None:
    gateway.control.run_at(0.001)
    listener.say('str+{"realtimeUpdatesOnly":true}')
    assert listener.topic("str")["args"] == []
    trader.place(trader.ticket(cOID="x"))
    (first,) = listener.topic("str")["args"]
    assert "commission" not in first
    assert (first["order_ref"], first["open_close"]) == ("x", "O")
    gateway.control.advance(2)
    (second,) = listener.topic("str")["args"]
    assert second["execution_id"] == first["execution_id"]
    assert second["commission"] == "1.00"


def test_executions_of_some_days_are_replayed(
    trader: Trader, gateway: RunningGateway, listener: Listener
) -> None:
    trader.place(trader.ticket())
    gateway.control.advance(5)
    listener.say('str+{"realtimeUpdatesOnly":false,"days":1}')
    (row,) = listener.topic("str")["args"]
    assert (row["side"], row["commission"]) == ("B", "1.00")
    listener.say("utr")
    listener.say('str+{"realtimeUpdatesOnly":true}')
    assert listener.topic("str")["args"] == []


def test_profit_moves_with_the_price_and_is_silent_when_flat(
    trader: Trader, gateway: RunningGateway, listener: Listener
) -> None:
    listener.say("spl")
    assert listener.topic("spl")["args"][f"{ACCOUNT}.Core"]["upl"] == 0
    gateway.control.advance(30)
    assert "spl" not in listener.topics_until_tic()
    trader.place(trader.ticket())
    gateway.control.advance(60)
    row = listener.topic("spl", lambda frame: frame["args"][f"{ACCOUNT}.Core"]["mv"])["args"][
        f"{ACCOUNT}.Core"
    ]
    assert row["nl"] == pytest.approx(1_000_000 + row["upl"])
    assert row["dpl"] == pytest.approx(row["upl"])


def test_summary_and_ledger_follow_the_books(
    trader: Trader, gateway: RunningGateway, listener: Listener
) -> None:
    listener.say(f'ssd+{ACCOUNT}+{{"keys":["GrossPositionValue","TotalCashValue"]}}')
    listener.say(f"sld+{ACCOUNT}+{{}}")
    listener.topic(f"ssd+{ACCOUNT}")
    listener.topic(f"sld+{ACCOUNT}")
    trader.place(trader.ticket())
    gateway.control.advance(10)
    rows = {row["key"]: row for row in listener.topic(f"ssd+{ACCOUNT}")["result"]}
    figures = gateway.control.books()["figures"]
    assert rows["GrossPositionValue"]["monetaryValue"] == pytest.approx(
        float(figures["gross"]), rel=0.01
    )
    assert Decimal(str(rows["TotalCashValue"]["monetaryValue"])) == Decimal(figures["cash"])
    base = listener.topic(f"sld+{ACCOUNT}")["result"][0]
    assert Decimal(str(base["cashbalance"])) == Decimal(figures["cash"])
    assert base["settledCash"] == 1_000_000
    assert base["stockMarketValue"] > 0


def test_a_restart_cuts_the_line(gateway: RunningGateway, listener: Listener) -> None:
    gateway.control.restart()
    assert listener.is_cut()


def test_a_prompt_is_pushed_as_a_notification(
    trader: Trader, gateway: RunningGateway, listener: Listener
) -> None:
    gateway.control.add_fault("prompt", times=1)
    prompt = trader.place(trader.ticket())
    (pushed,) = listener.topic("ntf")["args"]
    assert (pushed["orderId"], pushed["reqId"]) == (prompt["orderId"], prompt["reqId"])


def test_an_execution_can_get_lost_and_is_found_by_asking(
    trader: Trader, gateway: RunningGateway, listener: Listener
) -> None:
    gateway.control.run_at(0.001)
    listener.say('str+{"realtimeUpdatesOnly":true}')
    listener.topic("str")
    gateway.control.add_fault("frame_lost", "str", times=1)
    trader.place(trader.ticket(cOID="lost"))
    while not gateway.control.faults()[0]["fired"]:
        time.sleep(0.02)
    assert "str" not in listener.topics_until_tic()
    assert trader.trades()[0]["order_ref"] == "lost"
    gateway.control.advance(2)
    assert listener.topic("str")["args"][0]["commission"] == "1.00"


def test_a_line_can_be_cut_in_the_middle_of_the_news(
    trader: Trader, gateway: RunningGateway, listener: Listener
) -> None:
    listener.say("sor")
    listener.topic("sor")
    gateway.control.add_fault("frame_cut", "sor", times=1)
    trader.place(trader.ticket())
    assert listener.is_cut()
    assert trader.live()[0]["status"] == "Filled"
