"""What happens to orders, followed over the WebSocket through everything that breaks it."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TypeVar

import pytest

from backend.brokers.client_portal import ClientPortalBroker
from backend.brokers.client_portal.order_feed import OrderFeed
from backend.brokers.orders import (
    BrokerFill,
    OrderDelta,
    OrderNews,
    OrderStatus,
    StreamLost,
    StreamOpened,
)
from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway
from tests.brokers.conftest import MakeBroker
from tests.brokers.test_orders import ORDERS, place
from tests.brokers.tickets import AAPL, limit, ticket

News = TypeVar("News", bound=OrderNews)
PATIENCE = 20.0


class Follower:
    """Follows in a thread of its own, as the tracker does."""

    def __init__(self, broker: ClientPortalBroker) -> None:
        self.heard: list[OrderNews] = []
        self._news: queue.Queue[OrderNews] = queue.Queue()
        self._broker = broker
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def _follow(self) -> None:
        for news in self._broker.follow_orders(ACCOUNT):
            self._news.put(news)

    def until(self, kind: type[News], fits: Callable[[News], bool] = lambda news: True) -> News:
        """The next news of a kind that fits; what came before it is kept in `heard`."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                news = self._news.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"No such {kind.__name__}; heard {self.heard}") from None
            self.heard.append(news)
            if isinstance(news, kind) and fits(news):
                return news

    def stop(self) -> None:
        self._broker.close()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


@pytest.fixture
def trading(make_broker: MakeBroker) -> ClientPortalBroker:
    broker = make_broker()
    broker.ensure_session()
    broker.quote(AAPL)
    return broker


@pytest.fixture
def follower(make_broker: MakeBroker) -> Iterator[Follower]:
    """Its pauses take a moment of real time; it has a broker of its own, as a process has."""
    following = Follower(make_broker(sleep=lambda seconds: time.sleep(min(seconds, 0.1))))
    following.until(StreamOpened)
    yield following
    following.stop()


def is_filled(delta: OrderDelta) -> bool:
    return delta.status is OrderStatus.FILLED


def test_an_order_is_followed_to_its_fill_and_its_commission(
    trading: ClientPortalBroker, follower: Follower, gateway: RunningGateway
) -> None:
    place(trading, ticket())
    delta = follower.until(OrderDelta, is_filled)
    assert delta.filled == 10
    gateway.control.advance(10)
    fill = follower.until(BrokerFill, lambda news: news.commission is not None)
    assert (fill.client_order_id, fill.side, fill.conid) == ("gb-1-entry", "BUY", AAPL)
    assert {news.id for news in follower.heard if isinstance(news, BrokerFill)} == {
        found.id for found in trading.fills(ACCOUNT)
    }


def test_changes_come_as_changes(
    trading: ClientPortalBroker, follower: Follower, gateway: RunningGateway
) -> None:
    price = Decimal(100)
    (taken,) = place(trading, limit(price)).orders
    assert taken.order_id is not None
    first = follower.until(OrderDelta, lambda delta: delta.limit_price == price)
    assert (first.order_id, first.client_order_id) == (taken.order_id, "gb-1-entry")
    trading.cancel(ACCOUNT, taken.order_id)
    gateway.control.advance(5)
    delta = follower.until(OrderDelta, lambda delta: delta.status is OrderStatus.CANCELLED)
    assert (delta.order_id, delta.limit_price, delta.quantity) == (taken.order_id, None, None)


def test_what_happened_before_is_told_again_when_it_is_opened(
    trading: ClientPortalBroker, make_broker: MakeBroker
) -> None:
    place(trading, ticket())
    follower = Follower(make_broker())
    follower.until(StreamOpened)
    follower.until(OrderDelta, is_filled)
    follower.until(BrokerFill)
    follower.stop()


@pytest.mark.parametrize("fault", ["frame_cut", "session_id", "nightly_reset"])
def test_a_stream_that_breaks_is_opened_again_and_tells_all(
    trading: ClientPortalBroker, follower: Follower, gateway: RunningGateway, fault: str
) -> None:
    if fault == "frame_cut":
        gateway.control.add_fault(fault, "sor", times=1)
    else:
        gateway.control.happen(fault)
    place(trading, ticket())
    assert follower.until(StreamLost).why.endswith(".")
    follower.until(StreamOpened)
    follower.until(OrderDelta, is_filled)


def test_a_gateway_that_restarts_is_followed_again(
    trading: ClientPortalBroker, follower: Follower, gateway: RunningGateway
) -> None:
    place(trading, limit(100))
    gateway.control.restart()
    follower.until(StreamLost)
    follower.until(StreamOpened)
    follower.until(OrderDelta, lambda delta: delta.limit_price == 100)


def test_somebody_else_in_the_session_is_said_and_not_fought(
    follower: Follower, gateway: RunningGateway
) -> None:
    gateway.control.session("competing")
    assert "elsewhere" in follower.until(StreamLost).why
    assert "active elsewhere" in follower.until(StreamLost).why
    assert gateway.control.state()["session"]["state"] == "competing"
    gateway.control.session("ready")
    follower.until(StreamOpened)


@pytest.mark.parametrize("fault", ["frame_twice", "frame_late", "frame_bytes"])
def test_odd_frames_change_nothing(
    trading: ClientPortalBroker, follower: Follower, gateway: RunningGateway, fault: str
) -> None:
    gateway.control.add_fault(fault, "s*r")
    gateway.control.add_fault("partial_fill", ORDERS, shares=3, seconds=20, times=1)
    place(trading, ticket())
    gateway.control.advance(10)
    gateway.control.advance(60)
    follower.until(OrderDelta, is_filled)
    heard = [news for news in follower.heard if isinstance(news, OrderDelta)]
    filled = [delta.filled for delta in heard if delta.filled is not None]
    assert filled == sorted(filled)
    assert not any(isinstance(news, StreamLost) for news in follower.heard)
    seen = [(news.id, news.commission) for news in follower.heard if isinstance(news, BrokerFill)]
    assert len(seen) == len(set(seen))


def test_a_stream_without_heartbeats_is_given_up(
    make_broker: MakeBroker, gateway: RunningGateway
) -> None:
    broker = make_broker(silent_seconds=1.5, sleep=lambda seconds: None)
    follower = Follower(broker)
    follower.until(StreamOpened)
    gateway.control.add_fault("no_heartbeat", "system")
    assert "silent" in follower.until(StreamLost).why
    follower.stop()


def test_a_gateway_that_is_away_is_tried_with_growing_pauses(make_broker: MakeBroker) -> None:
    pauses: list[float] = []
    broker = make_broker(base_url="https://127.0.0.1:1", sleep=pauses.append)
    news = broker.follow_orders(ACCOUNT)
    for _ in range(9):
        lost = next(news)
        assert isinstance(lost, StreamLost)
        assert "127.0.0.1:1" in lost.why
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


def feed() -> OrderFeed:
    return OrderFeed("DU1")


FULL = {
    "acct": "DU1",
    "orderId": 7,
    "status": "Submitted",
    "totalSize": 10.0,
    "filledQuantity": 0.0,
    "price": "900.00",
    "origOrderType": "STOP",
    "bgColor": "#000",
    "lastExecutionTime_r": 1000,
}


def test_a_price_finds_its_meaning_in_what_was_told_before() -> None:
    orders = feed()
    (first,) = orders.orders([FULL])
    assert (first.stop_price, first.limit_price) == (Decimal(900), None)
    (delta,) = orders.orders([{"acct": "DU1", "orderId": 7, "price": "905.00"}])
    assert (delta.stop_price, delta.status, delta.filled) == (Decimal(905), None, None)


def test_a_frame_that_comes_after_a_newer_one_changes_nothing_that_it_told() -> None:
    orders = feed()
    list(orders.orders([FULL]))
    late = {"acct": "DU1", "orderId": 7, "filledQuantity": 4.0, "lastExecutionTime_r": 2000}
    newer = {**late, "filledQuantity": 10.0, "status": "Filled", "lastExecutionTime_r": 3000}
    (delta,) = orders.orders([newer])
    assert (delta.filled, delta.status) == (Decimal(10), OrderStatus.FILLED)
    assert list(orders.orders([late])) == []


def test_within_a_millisecond_nothing_goes_backwards() -> None:
    orders = feed()
    list(orders.orders([FULL]))
    end = {"acct": "DU1", "orderId": 7, "filledQuantity": 10.0, "status": "Filled"}
    list(orders.orders([end]))
    back = {"acct": "DU1", "orderId": 7, "filledQuantity": 4.0, "status": "Submitted"}
    assert list(orders.orders([back])) == []


def test_colours_other_accounts_and_nonsense_are_no_news() -> None:
    orders = feed()
    list(orders.orders([FULL]))
    rows = [
        {"acct": "DU1", "orderId": 7, "bgColor": "#FFF"},
        {**FULL, "acct": "DU2", "orderId": 8},
        {"acct": "DU1"},
        {**FULL, "orderId": 9, "totalSize": "many"},
        "text",
    ]
    assert list(orders.orders(rows)) == []
    assert list(orders.fills([{"execution_id": "x"}, {}, None])) == []
