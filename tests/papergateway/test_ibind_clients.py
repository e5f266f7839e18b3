"""The real third-party client must not notice that the gateway is one of paper."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ["IBIND_LOG_TO_FILE"] = "False"
os.environ["IBIND_LOG_TO_CONSOLE"] = "False"
# Its shutdown notices a closed socket only at the next ping.
os.environ["IBIND_WS_PING_INTERVAL"] = "1"

import pytest
from ibind import IbkrClient, IbkrWsClient, events, subscriptions
from ibind.client.ibkr_utils import OrderRequest, QuestionType, StockQuery
from ibind.support.errors import ExternalBrokerError

from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway

AAPL = "265598"


@pytest.fixture
def rest(gateway: RunningGateway) -> Iterator[Any]:
    client = IbkrClient(
        url=f"{gateway.api_url}/",
        account_id=ACCOUNT,
        cacert=str(gateway.certificate),
        timeout=10,
        max_retries=0,
        auto_register_shutdown=False,
    )
    yield client
    client.close()


class Heard:
    """Every event that the WebSocket client emits."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def emit(self, event: Any) -> None:
        self.events.append(event)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in list(self.events) if isinstance(event, kind)]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def stream(gateway: RunningGateway, rest: Any, heard: Heard) -> Iterator[Any]:
    client = IbkrWsClient(
        account_id=ACCOUNT,
        url=gateway.websocket_url,
        ibkr_client=rest,
        cacert=str(gateway.certificate),
        sink=heard,
    )
    assert client.start()
    yield client
    client.shutdown()


def eventually(is_so: Callable[[], object], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.02)
    return False


def test_the_session_calls_work(rest: Any) -> None:
    assert rest.tickle().data["iserver"]["authStatus"]["authenticated"] is True
    assert rest.check_health() is True
    assert rest.authentication_status().data["connected"] is True
    assert rest.initialize_brokerage_session().data["authenticated"] is True
    assert rest.validate().data["LOGIN_TYPE"] == 2
    assert rest.logout().data == {"status": True}


def test_the_account_calls_work(rest: Any) -> None:
    assert rest.receive_brokerage_accounts().data["accounts"] == [ACCOUNT]
    assert rest.portfolio_accounts().data[0]["accountId"] == ACCOUNT
    assert rest.portfolio_summary().data["netliquidation"]["amount"] == 1_000_000
    assert rest.get_ledger().data["BASE"]["cashbalance"] == 1_000_000
    assert rest.positions().data == []
    assert rest.positions2().data == []
    assert rest.account_summary(ACCOUNT).data["buyingPower"] == 4_000_000
    rest.account_profit_and_loss()
    assert f"{ACCOUNT}.Core" in rest.account_profit_and_loss().data["upnl"]


def test_order_reads_of_an_untouched_account_work(rest: Any) -> None:
    rest.receive_brokerage_accounts()
    assert rest.live_orders(force=True).data == {"orders": [], "snapshot": False}
    assert rest.live_orders().data == {"orders": [], "snapshot": True}
    assert rest.trades().data == []


YES = {kind: True for kind in QuestionType}


def order(**more: Any) -> Any:
    """A hundred of Apple for the day."""
    usual = {"conid": int(AAPL), "side": "BUY", "quantity": 100, "acct_id": ACCOUNT, "tif": "DAY"}
    return OrderRequest(**{"order_type": "MKT", **usual, **more})


def last(gateway: RunningGateway) -> float:
    quote = gateway.world.market.quote(int(AAPL), gateway.control.now_ms())
    assert quote is not None
    return float(quote.last)


def test_an_order_is_placed_followed_changed_and_cancelled(
    rest: Any, gateway: RunningGateway
) -> None:
    rest.receive_brokerage_accounts()
    low = round(last(gateway) - 30, 2)
    placed = rest.place_order(order(order_type="LMT", price=low, coid="one"), YES).data
    assert (placed["local_order_id"], placed["order_status"]) == ("one", "Submitted")
    rest.live_orders(force=True)
    (row,) = rest.live_orders().data["orders"]
    assert (row["order_ref"], row["status"]) == ("one", "Submitted")
    status = rest.order_status(placed["order_id"]).data
    assert (status["order_status"], status["total_size"]) == ("Submitted", "100.0")
    change = order(order_type="LMT", price=low - 1, quantity=120)
    changed = rest.modify_order(placed["order_id"], change, YES).data
    assert changed["order_id"] == placed["order_id"]
    assert rest.live_orders().data["orders"][0]["totalSize"] == 120
    cancelled = rest.cancel_order(placed["order_id"]).data
    assert cancelled["msg"] == "Request was submitted"
    gateway.control.advance(1)
    assert rest.live_orders().data["orders"][0]["status"] == "Cancelled"


def test_a_market_order_becomes_a_trade_and_a_position(rest: Any, gateway: RunningGateway) -> None:
    rest.receive_brokerage_accounts()
    rest.portfolio_accounts()
    assert rest.place_order(order(coid="two"), YES).data["order_status"] == "Filled"
    gateway.control.advance(2)
    rest.trades()
    (trade,) = rest.trades().data
    assert (trade["order_ref"], trade["commission"]) == ("two", "1.00")
    assert rest.positions2().data[0]["position"] == 100
    assert rest.positions().data[0]["contractDesc"] == "AAPL"
    with pytest.raises(ExternalBrokerError, match="already registered"):
        rest.place_order(order(coid="two"), YES)


def test_a_bracket_and_a_preview(rest: Any, gateway: RunningGateway) -> None:
    rest.receive_brokerage_accounts()
    rest.live_marketdata_snapshot([AAPL], ["31"])
    preview = rest.whatif_order(order(quantity=10)).data
    assert preview["amount"]["commission"] == "1 USD"
    price = last(gateway)
    out = {"side": "SELL", "parent_id": "entry", "tif": "GTC"}
    rows = rest.place_order(
        [
            order(coid="entry"),
            order(**out, order_type="LMT", price=round(price + 20, 2)),
            order(**out, order_type="STP", price=round(price - 20, 2)),
        ],
        YES,
    ).data
    assert sorted(row["order_status"] for row in rows) == ["Filled", "PreSubmitted", "Submitted"]


def test_an_unexpected_question_and_a_no_stop_an_order(rest: Any) -> None:
    rest.receive_brokerage_accounts()
    with pytest.raises(ValueError, match="No answer found"):
        rest.place_order(order(), {})
    with pytest.raises(RuntimeError, match="not given a positive reply"):
        rest.place_order(order(), {**YES, QuestionType.MISSING_MARKET_DATA: False})
    rest.suppress_messages(["o354", "o10151"])
    assert rest.place_order(order(), {}).data["order_status"] == "Filled"
    assert rest.reset_suppressed_messages().data == {"status": "submitted"}


def test_contracts_are_found_by_symbol(rest: Any) -> None:
    assert rest.stock_conid_by_symbol("AAPL").data == {"AAPL": int(AAPL)}
    assert rest.stock_conid_by_symbol([StockQuery("MSFT"), "IBM"]).data == {
        "MSFT": 272093,
        "IBM": 8314,
    }
    assert rest.search_contract_by_symbol("AAPL").data[0]["conid"] == AAPL
    assert rest.contract_information_by_conid(AAPL).data["con_id"] == int(AAPL)
    assert rest.security_definition_by_conid([AAPL]).data["secdef"][0]["ticker"] == "AAPL"
    schedule = rest.trading_schedule_by_symbol("STK", "AAPL").data
    assert schedule[0]["timezone"] == "America/New_York"


def test_snapshots_arrive_after_the_pre_flight(rest: Any) -> None:
    rest.receive_brokerage_accounts()
    fields = ["31", "84", "86"]
    assert rest.live_marketdata_snapshot([AAPL], fields).data == [
        {"conid": int(AAPL), "conidEx": AAPL}
    ]
    assert set(fields) <= rest.live_marketdata_snapshot([AAPL], fields).data[0].keys()
    by_symbol = rest.live_marketdata_snapshot_by_symbol(["MSFT"], ["31", "7741"])
    assert float(by_symbol["MSFT"]["last_price"].replace(",", "")) > 0
    assert rest.marketdata_unsubscribe([AAPL])
    with pytest.raises(ExternalBrokerError):
        rest.marketdata_unsubscribe([AAPL])


def test_history_comes_by_symbol(rest: Any) -> None:
    history = rest.marketdata_history_by_symbol("AAPL", "1d", period="1y").data
    assert 248 <= len(history["data"]) <= 253
    cleaned = rest.marketdata_history_by_symbols(["AAPL", "IBM"], period="2d", bar="1h")
    assert {row["high"] >= row["low"] for row in cleaned["AAPL"] + cleaned["IBM"]} == {True}


def test_a_logged_out_gateway_raises_the_error_it_should(
    rest: Any, gateway: RunningGateway
) -> None:
    gateway.control.session("logged_out")
    with pytest.raises(ExternalBrokerError) as refused:
        rest.tickle()
    assert refused.value.status_code == 401
    gateway.control.session("connecting")
    with pytest.raises(ExternalBrokerError, match="no bridge"):
        rest.receive_brokerage_accounts()


def test_every_topic_is_confirmed(stream: Any, heard: Heard) -> None:
    wanted = [
        subscriptions.MarketDataSubscription(conid=AAPL, fields=["31", "84", "86"]),
        subscriptions.MarketHistorySubscription(conid=AAPL, period="1d", bar="1h"),
        subscriptions.OrdersSubscription(),
        subscriptions.TradesSubscription(days=1),
        subscriptions.PnlSubscription(),
        subscriptions.AccountSummarySubscription(account_id=ACCOUNT),
        subscriptions.AccountLedgerSubscription(account_id=ACCOUNT),
        subscriptions.PriceLadderSubscription(account_id=ACCOUNT, conid=AAPL),
    ]
    handles = [stream.subscribe(each) for each in wanted]
    assert stream.wait_all(handles, timeout_each=10) == []
    kinds = [each.event_type for each in wanted]
    assert eventually(lambda: all(heard.of(kind) for kind in kinds))
    assert heard.of(events.AccountSummary)[0].data["NetLiquidation"]["monetaryValue"] == 1_000_000
    assert heard.of(events.MarketHistory)[0].data["data"]
    assert heard.of(events.IbkrError) == []
    assert heard.of(events.GenericIbkrEvent) == []
    gone = [stream.unsubscribe(each) for each in wanted]
    assert stream.wait_all(gone, timeout_each=10) == []


def test_prices_change_and_the_client_answers_to_tic(
    stream: Any, heard: Heard, gateway: RunningGateway
) -> None:
    assert stream.is_authenticated()
    assert stream.tic()["alive"] is True
    handle = stream.subscribe(
        subscriptions.MarketDataSubscription(conid=AAPL, fields=["31", "84", "86"])
    )
    assert handle.wait(10)
    gateway.control.run_at(30)

    def prices() -> set[str]:
        updates = [event.data for event in heard.of(events.MarketData)]
        return {data["last_price"] for data in updates if "last_price" in data}

    assert eventually(lambda: len(prices()) >= 3)
    assert heard.of(events.WsClose) == []


def test_orders_and_trades_are_streamed(
    rest: Any, stream: Any, heard: Heard, gateway: RunningGateway
) -> None:
    rest.receive_brokerage_accounts()
    wanted = [
        subscriptions.OrdersSubscription(),
        subscriptions.TradesSubscription(days=1),
        subscriptions.PnlSubscription(),
    ]
    assert stream.wait_all([stream.subscribe(each) for each in wanted], timeout_each=10) == []
    rest.place_order(order(coid="streamed"), YES)

    def statuses() -> set[str]:
        frames = [event.data["args"] for event in heard.of(events.Orders)]
        return {row["status"] for rows in frames for row in rows if "status" in row}

    def commissions() -> set[str]:
        frames = [event.data["args"] for event in heard.of(events.Trades)]
        return {row["commission"] for rows in frames for row in rows if "commission" in row}

    assert eventually(lambda: {"PendingSubmit", "Submitted", "Filled"} <= statuses())
    gateway.control.advance(3)
    assert eventually(lambda: commissions() == {"1.00"})
    assert eventually(lambda: len(heard.of(events.Pnl)) > 1)
    assert heard.of(events.IbkrError) == []
