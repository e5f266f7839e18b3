"""Our client reads an account that trades, with every type of order at work."""

import ssl
from decimal import Decimal
from typing import Any

import httpx

from backend.brokers.client_portal import ClientPortalBroker
from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway
from tests.papergateway.trader import Trader

PRICES: dict[str, dict[str, Any]] = {
    "LMT": {"price": 300},
    "STP": {"price": 900},
    "STOP_LIMIT": {"price": 910, "auxPrice": 900},
    "TRAIL": {"price": 900, "trailingType": "amt", "trailingAmt": 300},
    "TRAILLMT": {"price": 910, "auxPrice": 900, "trailingType": "%", "trailingAmt": 50},
    "MIDPRICE": {"price": 300},
}


def test_positions_cash_and_working_orders_are_what_the_gateway_keeps(
    gateway: RunningGateway, broker: ClientPortalBroker
) -> None:
    trusted = ssl.create_default_context(cafile=str(gateway.certificate))
    with httpx.Client(base_url=gateway.api_url, verify=trusted, trust_env=False) as http:
        http.get("/iserver/accounts")
        trader = Trader(http, gateway)
        for kind, prices in PRICES.items():
            placed = trader.place(
                trader.ticket(orderType=kind, tif="GTC", quantity=10, cOID=kind, **prices)
            )
            assert placed[0]["order_id"], kind
    gateway.control.trade("AAPL", "BUY", 70)
    gateway.control.trade("IBM", "SELL", 30)
    found, books = broker.account_snapshot(ACCOUNT), gateway.control.books()
    assert {held.symbol: held.quantity for held in found.positions} == {"AAPL": 70, "IBM": -30}
    assert found.cash == Decimal(books["accounts"]["cash"])
    assert abs(found.equity - Decimal(books["figures"]["equity"])) < 100
    working = {order.client_order_id: order for order in found.working_orders}
    assert working.keys() == PRICES.keys()
    assert {order.order_type for order in working.values()} == PRICES.keys()
    assert working["LMT"].limit_price == 300
    assert working["STP"].stop_price == 900
    assert working["STP"].limit_price is None
    assert working["STOP_LIMIT"].stop_price == 900
    assert working["STOP_LIMIT"].limit_price == 910
