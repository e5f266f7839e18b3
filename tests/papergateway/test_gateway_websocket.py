"""The WebSocket as a hand-written client sees it, frame by frame."""

import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from backend.core.clock import SystemClock, to_ms
from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway, running_gateway
from backend.papergateway.subscriptions import Command, parse

Frame = dict[str, Any]


class Socket:
    """Frames as they come; `until` skips those that were not waited for."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def say(self, text: str) -> None:
        self._connection.send(text)

    def next(self, seconds: float = 5) -> Frame:
        frame: Frame = json.loads(self._connection.recv(seconds))
        return frame

    def is_answered_to_a_ping(self) -> bool:
        return self._connection.ping().wait(5)

    def bytes(self) -> bytes:
        return self._connection.recv(5, decode=False)

    def until(self, is_it: Callable[[Frame], object]) -> Frame:
        end = time.monotonic() + 8
        while time.monotonic() < end:
            frame = self.next()
            if is_it(frame):
                return frame
        raise AssertionError("The frame did not come.")

    def topic(self, topic: str) -> Frame:
        return self.until(lambda frame: frame.get("topic") == topic)

    def topics_until_tic(self) -> list[str]:
        """What is already under way, up to the answer to a `tic` said now."""
        self.say("tic")
        topics: list[str] = []
        while (topic := self.next().get("topic", "")) != "tic":
            topics.append(topic)
        return topics


Opening = Callable[..., AbstractContextManager[Socket]]


@pytest.fixture
def opening(gateway: RunningGateway) -> Opening:
    @contextmanager
    def opened(cookie: str | None = None) -> Iterator[Socket]:
        trusted = ssl.create_default_context(cafile=str(gateway.certificate))
        headers = {"Cookie": cookie} if cookie else None
        with connect(
            gateway.websocket_url, ssl=trusted, additional_headers=headers, proxy=None
        ) as connection:
            yield Socket(connection)

    return opened


@pytest.fixture
def socket(opening: Opening) -> Iterator[Socket]:
    with opening() as socket:
        socket.topic("act")
        yield socket


def test_frames_come_in_the_order_that_clients_rely_on(
    opening: Opening, client: httpx.Client
) -> None:
    session = client.post("/tickle").json()["session"]
    for cookie in (None, f"api={session}", f'api={{"session": "{session}"}}'):
        with opening(cookie) as socket:
            socket.say(json.dumps({"session": session}))
            assert socket.next() == {"message": "waiting for session"}
            system, status, accounts, beat = (socket.next() for _ in range(4))
            assert (system["topic"], system["simulated"]) == ("system", True)
            assert status["args"]["authenticated"] is True
            assert accounts["args"]["selectedAccount"] == ACCOUNT
            assert beat["topic"] == "system"
            assert "hb" in beat


def test_heartbeats_come_every_ten_seconds_stamped_with_the_time_of_the_machine(
    socket: Socket, gateway: RunningGateway
) -> None:
    first = socket.until(lambda frame: "hb" in frame)["hb"]
    gateway.control.advance(10)
    second = socket.until(lambda frame: "hb" in frame)["hb"]
    assert abs(second - to_ms(SystemClock().now())) < 20_000
    assert second - first < 10_000


def test_pings_are_answered(opening: Opening) -> None:
    with opening() as socket:
        assert socket.is_answered_to_a_ping()


def test_market_data_begins_cold_and_then_sends_changes_only(
    socket: Socket, gateway: RunningGateway
) -> None:
    socket.say('smd+265598+{"fields": ["31", "55", "84"]}')
    first = socket.topic("smd+265598")
    assert (first["conid"], first["conidEx"], first["6509"]) == (265598, "265598", "RpB")
    assert "31" not in first
    full = socket.topic("smd+265598")
    assert {"31", "55", "84"} <= full.keys()
    gateway.control.advance(60)
    change = socket.topic("smd+265598")
    assert "55" not in change
    assert {"31", "84"} & change.keys()


def test_a_market_data_stream_ends_silently_after_fifteen_minutes(
    socket: Socket, gateway: RunningGateway, client: httpx.Client
) -> None:
    begun = gateway.control.now_ms()
    socket.say('smd+265598+{"fields":["31"]}')
    socket.topic("smd+265598")
    for _ in range(3):
        client.post("/tickle")
        gateway.control.advance(299)
    socket.until(lambda frame: "31" in frame and frame["_updated"] > begun + 890_000)
    client.post("/tickle")
    gateway.control.advance(10)
    socket.until(lambda frame: "hb" in frame)
    socket.topics_until_tic()
    gateway.control.advance(60)
    socket.until(lambda frame: "hb" in frame)
    assert "smd+265598" not in socket.topics_until_tic()
    socket.say('smd+265598+{"fields":["31"]}')
    assert "31" in socket.topic("smd+265598")


def test_the_field_set_of_a_contract_is_shared(
    socket: Socket, primed: httpx.Client, gateway: RunningGateway
) -> None:
    query = {"conids": "265598", "fields": "31,84"}
    for _ in range(2):
        row = primed.get("/iserver/marketdata/snapshot", params=query).json()[0]
    assert "84" in row
    socket.say('smd+265598+{"fields":["31"]}')
    assert "31" in socket.topic("smd+265598")
    socket.say("umd+265598+{}")
    socket.topics_until_tic()
    row = primed.get("/iserver/marketdata/snapshot", params=query).json()[0]
    assert row.keys() == {"conid", "conidEx"}


def test_history_answers_once_with_a_server_id_of_text(socket: Socket) -> None:
    socket.say('smh+265598+{"period":"1d","bar":"1h","outsideRth":true,"format":"%o/%c/%h/%l/%v"}')
    answer = socket.topic("smh+265598")
    assert isinstance(answer["serverId"], str)
    assert (answer["symbol"], answer["outsideRth"], answer["barLength"]) == ("AAPL", True, 3600)
    assert answer["data"]
    socket.say(f"umh+{answer['serverId']}")
    goodbye = socket.until(lambda frame: "message" in frame)
    assert goodbye == {"message": f"Unsubscribed {answer['serverId']}"}


def test_a_sixth_history_is_refused_until_a_place_is_free(socket: Socket) -> None:
    ask = 'smh+265598+{"period":"1d","bar":"1h"}'
    for _ in range(5):
        socket.say(ask)
        last = socket.topic("smh+265598")
    socket.say(ask)
    assert "too many" in socket.until(lambda frame: "error" in frame)["error"]
    socket.say(f"umh+{last['serverId']}")
    socket.say(ask)
    assert socket.topic("smh+265598")["data"]


@pytest.mark.parametrize(
    ("command", "topic"),
    [("sor", "sor"), ("sor+{}", "sor"), ("str", "str"), ('str+{"days":1}', "str"), ("spl", "spl")],
)
def test_an_untouched_account_confirms_with_an_empty_frame(
    socket: Socket, command: str, topic: str
) -> None:
    socket.say(command)
    expected: object = []
    if topic == "spl":
        row = {"rowType": 1, "dpl": 0.0, "nl": 1e6, "upl": 0.0, "el": 1e6, "mv": 0.0}
        expected = {f"{ACCOUNT}.Core": row}
    assert socket.topic(topic) == {"topic": topic, "args": expected}


def test_a_filtered_read_of_orders_mutes_the_feed(socket: Socket, primed: httpx.Client) -> None:
    primed.get("/iserver/account/orders", params={"filters": "filled"})
    socket.say("sor+{}")
    assert "sor" not in socket.topics_until_tic()
    primed.get("/iserver/account/orders", params={"force": "True"})
    socket.say("sor+{}")
    assert socket.topic("sor")["args"] == []


def test_the_summary_comes_in_full_and_then_shrinks(
    socket: Socket, gateway: RunningGateway
) -> None:
    socket.say(f'ssd+{ACCOUNT}+{{"keys":["NetLiquidation"]}}')
    code, money = socket.topic(f"ssd+{ACCOUNT}")["result"]
    assert (code["key"], code["value"]) == ("AccountCode", ACCOUNT)
    assert (money["key"], money["monetaryValue"]) == ("NetLiquidation", 1_000_000)
    gateway.control.advance(10)
    shrunk = socket.topic(f"ssd+{ACCOUNT}")["result"]
    assert [row.keys() for row in shrunk] == [{"key", "timestamp"}] * 2
    socket.say(f"usd+{ACCOUNT}")
    goodbye = {"result": "unsubscribed from summary"}
    assert socket.until(lambda frame: "result" in frame and "topic" not in frame) == goodbye


def test_the_ledger_comes_with_base_first(socket: Socket) -> None:
    socket.say(f"sld+{ACCOUNT}+{{}}")
    base, dollars = socket.topic(f"sld+{ACCOUNT}")["result"]
    assert (base["key"], base["acctCode"]) == ("LedgerListBASE", ACCOUNT)
    assert (dollars["cashbalance"], dollars["secondKey"]) == (1_000_000, "USD")
    socket.say(f"uld+{ACCOUNT}+{{}}")
    goodbye = {"result": "unsubscribed from ledger"}
    assert socket.until(lambda frame: "result" in frame and "topic" not in frame) == goodbye


def test_the_price_ladder_shows_bid_and_ask(socket: Socket) -> None:
    socket.say(f"sbd+{ACCOUNT}+265598")
    rows = socket.topic(f"sbd+{ACCOUNT}+265598")["data"]
    assert [row["row"] for row in rows] == list(range(21))
    assert sum(row["focus"] for row in rows) == 1
    assert sum("bid" in row for row in rows) == sum("ask" in row for row in rows) == 1


@pytest.mark.parametrize(
    "command",
    [
        'smd+265598+{"fields":7}',
        'smh+265598+{"period":5,"bar":[1]}',
        f'ssd+{ACCOUNT}+{{"keys":{{}}}}',
        "smd+265598+[1]",
        "+++",
        "\u00b2",
    ],
)
def test_odd_commands_do_not_end_the_connection(socket: Socket, command: str) -> None:
    socket.say(command)
    socket.topics_until_tic()


@pytest.mark.parametrize(
    "command", ["sxx+{}", "smd+1+{}", "smd+AAPL+{}", "smh+1+{}", "ssd+DU1+{}", f"sbd+{ACCOUNT}"]
)
def test_what_does_not_exist_is_an_error_frame(socket: Socket, command: str) -> None:
    socket.say(command)
    assert "unknown" in socket.until(lambda frame: "error" in frame)["error"]


def test_clients_are_told_when_the_session_changes(
    socket: Socket, gateway: RunningGateway, opening: Opening
) -> None:
    gateway.control.session("competing")
    assert socket.topic("sts")["args"]["competing"] is True
    gateway.control.session("logged_out")
    assert socket.topic("sts")["args"]["authenticated"] is False
    with opening() as late:
        assert late.next() == {"message": "waiting for session"}
        gateway.control.session("ready")
        gateway.control.advance(2)
        assert late.topic("sts")["args"]["authenticated"] is True


def test_subscriptions_end_with_the_session(socket: Socket, gateway: RunningGateway) -> None:
    socket.say(f"ssd+{ACCOUNT}+{{}}")
    socket.topic(f"ssd+{ACCOUNT}")
    gateway.control.happen("session_id")
    gateway.control.advance(20)
    socket.until(lambda frame: "hb" in frame)
    assert f"ssd+{ACCOUNT}" not in socket.topics_until_tic()


def test_frames_can_be_doubled_late_and_garbled(socket: Socket, gateway: RunningGateway) -> None:
    socket.until(lambda frame: "hb" in frame)
    gateway.control.add_fault("frame_twice", "spl", times=1)
    socket.say("spl")
    assert socket.next() == socket.next()
    gateway.control.add_fault("frame_late", "spl", times=1)
    socket.say("spl")
    socket.say("str")
    assert [socket.next()["topic"], socket.next()["topic"]] == ["str", "spl"]
    gateway.control.add_fault("frame_bytes", "spl", times=1)
    socket.say("spl")
    assert socket.next()["topic"] == "spl"
    assert b"caf\xe9" in socket.bytes()


def test_heartbeats_can_go_missing(socket: Socket, gateway: RunningGateway) -> None:
    socket.until(lambda frame: "hb" in frame)
    gateway.control.add_fault("no_heartbeat", times=1)
    gateway.control.advance(10)
    while not gateway.control.faults()[0]["fired"]:
        time.sleep(0.02)
    assert "system" not in socket.topics_until_tic()
    gateway.control.advance(10)
    assert socket.until(lambda frame: "hb" in frame)


def test_the_socket_works_over_plain_http() -> None:
    with (
        running_gateway(https=False) as plain,
        connect(plain.websocket_url, proxy=None) as connection,
    ):
        assert json.loads(connection.recv(5)) == {"message": "waiting for session"}


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("tic", Command("tic", (), {})),
        ('smd+265598+{"fields":["31"]}', Command("smd", ("265598",), {"fields": ["31"]})),
        ('smd+265598@NYSE+{ "fields": [] }', Command("smd", ("265598@NYSE",), {"fields": []})),
        ("usd+DU1+{}", Command("usd", ("DU1",), {})),
        ("sbd+DU1+1+NYSE", Command("sbd", ("DU1", "1", "NYSE"), {})),
        ("smd+1+{oops", Command("smd", ("1",), {})),
        ('{"session":"x"}', None),
        ("", None),
    ],
)
def test_commands_are_read_with_and_without_target_and_json(
    text: str, command: Command | None
) -> None:
    assert parse(text) == command
