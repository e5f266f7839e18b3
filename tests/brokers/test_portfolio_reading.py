"""What the paper account does not hold: positions, orders, odd quotes and odd exchanges."""

from decimal import Decimal
from typing import Any

import pytest

from backend.brokers.client_portal import ClientPortalBroker
from backend.core.errors import InvalidInput, NotFound, OutsideError, TemporaryError
from tests.brokers.conftest import MakeBroker
from tests.brokers.stub_gateway import StubGateway

ACCOUNT = "U1234567"
LIVE_ORDERS = "iserver/account/orders"
PNL = "iserver/account/pnl/partitioned"
SNAPSHOT = "iserver/marketdata/snapshot"


def order(**changes: Any) -> dict[str, Any]:
    return {
        "acct": ACCOUNT,
        "conid": 265598,
        "orderId": 473740665,
        "ticker": "AAPL",
        "totalSize": 5.0,
        "filledQuantity": 2.0,
        "status": "Submitted",
        "origOrderType": "LIMIT",
        "orderType": "Limit",
        "price": "1,185.00",
        "side": "BUY",
        "order_ref": "my-coid",
        **changes,
    }


@pytest.fixture
def account(stub: StubGateway) -> StubGateway:
    stub.answer(LIVE_ORDERS, {"orders": [], "snapshot": False}, {"orders": [], "snapshot": True})
    stub.answer(PNL, {"upnl": {}}, {"upnl": {f"{ACCOUNT}.Core": {"dpl": -15.7}}})
    money = {
        "netliquidation": {"amount": 994842.375, "currency": "USD"},
        "buyingpower": {"amount": 3979369.5, "currency": "USD"},
    }
    stub.answer(f"portfolio/{ACCOUNT}/summary", money)
    stub.answer(f"portfolio/{ACCOUNT}/ledger", {"BASE": {"cashbalance": 900000.1}})
    row = {"avgCost": 150.25, "marketPrice": 190, "marketValue": 1900.0, "unrealizedPnl": 397.5}
    held = {**row, "conid": "265598", "position": 10.0, "description": "AAPL", "currency": "USD"}
    stub.answer(f"portfolio2/{ACCOUNT}/positions", [held, {**held, "position": 0.0}])
    return stub


def test_money_positions_and_orders_are_read_exactly(
    account: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    account.answer(LIVE_ORDERS, {"orders": [order()], "snapshot": True})
    snapshot = stub_broker.account_snapshot(ACCOUNT)
    assert snapshot.equity == Decimal("994842.375")
    assert snapshot.cash == Decimal("900000.1")
    assert snapshot.day_pnl == Decimal("-15.7")
    assert not snapshot.is_paper
    (position,) = snapshot.positions
    assert (position.conid, position.symbol, position.quantity) == (265598, "AAPL", Decimal(10))
    (working,) = snapshot.working_orders
    assert (working.order_type, working.limit_price) == ("LMT", Decimal("1185.00"))
    assert (working.quantity, working.filled) == (Decimal(5), Decimal(2))
    assert working.client_order_id == "my-coid"


def test_cold_reads_are_read_again(account: StubGateway, stub_broker: ClientPortalBroker) -> None:
    assert stub_broker.account_snapshot(ACCOUNT).working_orders == ()
    assert account.asked.count(LIVE_ORDERS) == account.asked.count(PNL) == 2


def test_orders_that_never_warm_up_are_not_taken_for_none(
    account: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    account.answer(LIVE_ORDERS, {"orders": [], "snapshot": False})
    with pytest.raises(TemporaryError, match="live orders"):
        stub_broker.account_snapshot(ACCOUNT)


def test_a_day_without_profit_and_loss_is_not_known(
    account: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    account.answer(PNL, {"upnl": {}})
    assert stub_broker.account_snapshot(ACCOUNT).day_pnl is None


@pytest.mark.parametrize(
    "changes",
    [{"status": "Filled"}, {"status": "Cancelled"}, {"status": "Inactive"}, {"acct": "U9"}],
)
def test_orders_that_do_not_work_here_are_left_out(
    account: StubGateway, stub_broker: ClientPortalBroker, changes: dict[str, Any]
) -> None:
    account.answer(LIVE_ORDERS, {"orders": [order(**changes)], "snapshot": True})
    assert stub_broker.account_snapshot(ACCOUNT).working_orders == ()


@pytest.mark.parametrize(
    ("changes", "kind", "limit", "stop"),
    [
        ({"origOrderType": "MARKET", "price": ""}, "MKT", None, None),
        ({"origOrderType": "STOP", "price": "90"}, "STP", None, 90),
        ({"origOrderType": "STOP", "price": "", "auxPrice": "91"}, "STP", None, 91),
        ({"origOrderType": "STOP_LIMIT", "price": "9", "auxPrice": "8"}, "STOP_LIMIT", 9, 8),
    ],
)
def test_prices_of_each_kind_of_order_find_their_place(
    account: StubGateway,
    stub_broker: ClientPortalBroker,
    changes: dict[str, Any],
    kind: str,
    limit: int | None,
    stop: int | None,
) -> None:
    account.answer(LIVE_ORDERS, {"orders": [order(**changes)], "snapshot": True})
    (working,) = stub_broker.account_snapshot(ACCOUNT).working_orders
    assert (working.order_type, working.limit_price, working.stop_price) == (kind, limit, stop)


def test_an_account_that_ibkr_answers_with_401_is_not_found(
    account: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    account.answer(f"portfolio/{ACCOUNT}/summary", "", status=401)
    with pytest.raises(NotFound, match=ACCOUNT):
        stub_broker.account_snapshot(ACCOUNT)


def test_the_account_of_the_settings_is_the_selected_one(
    make_broker: MakeBroker, stub: StubGateway
) -> None:
    stub.answer("iserver/accounts", {"accounts": ["U1", "U2"], "selectedAccount": "U1"})
    rows = [{"id": name, "currency": "EUR", "type": "DEMO"} for name in ("U1", "U2")]
    stub.answer("portfolio/accounts", rows)
    where = {"base_url": stub.url, "certificate": None}
    chosen = make_broker(**where, account="U2").accounts()
    assert [(item.id, item.is_selected, item.is_paper) for item in chosen] == [
        ("U1", False, True),
        ("U2", True, True),
    ]
    with pytest.raises(InvalidInput, match=r"'U3'.*U1, U2") as caught:
        make_broker(**where, account="U3").accounts()
    assert caught.value.field == "ibkr_account"


def test_a_halted_delayed_quote_says_both(
    stub: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    row = {"conid": 1, "31": "H1,101.20", "84": "", "87": "45.2M", "6509": "DPB", "_updated": 1000}
    stub.answer(SNAPSHOT, [{"conid": 1, "conidEx": "1"}], [row])
    quote = stub_broker.quote(1)
    assert (quote.is_halted, quote.is_delayed) == (True, True)
    assert (quote.last, quote.bid, quote.volume) == (Decimal("1101.20"), None, Decimal(45_200_000))
    assert stub.asked.count(SNAPSHOT) == 3


def test_a_cold_snapshot_is_asked_at_most_five_times(
    stub: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    stub.answer(SNAPSHOT, [{"conid": 1, "conidEx": "1"}])
    assert stub_broker.quote(1).last is None
    assert stub.asked.count(SNAPSHOT) == 5


def listed(stub: StubGateway, **definition: Any) -> None:
    stub.answer("iserver/contract/7/info", {"con_id": 7, "symbol": "VOD", "currency": "GBP"})
    rules = [{"lowerEdge": 0.0, "increment": 0.0001}, {"lowerEdge": 1.0, "increment": 0.01}]
    row = {"conid": 7, "listingExchange": "LSE", "incrementRules": rules, **definition}
    stub.answer("trsrv/secdef", {"secdef": [row]})


@pytest.mark.parametrize(("price", "tick"), [("0.75", "0.0001"), ("101.5", "0.01"), ("", "0.01")])
def test_the_tick_is_the_one_at_the_present_price(
    stub: StubGateway, stub_broker: ClientPortalBroker, price: str, tick: str
) -> None:
    listed(stub)
    stub.answer(SNAPSHOT, [{"conid": 7, "31": price}])
    contract = stub_broker.contract(7)
    assert contract.tick == Decimal(tick)
    assert (contract.calendar, contract.timezone) == ("XLON", "Europe/London")


def test_a_listing_whose_hours_are_unknown_is_refused_by_name(
    stub: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    listed(stub, listingExchange="MOON")
    with pytest.raises(OutsideError, match="'MOON'"):
        stub_broker.contract(7)


def test_a_contract_without_definition_is_not_found(
    stub: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    listed(stub)
    stub.answer("trsrv/secdef", "", status=204)
    with pytest.raises(NotFound):
        stub_broker.contract(7)


def test_a_search_that_ibkr_answers_with_an_error_found_nothing(
    stub: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    stub.answer("iserver/secdef/search", {"error": "No symbol found"})
    assert stub_broker.search("NOPE") == ()
