"""Executions as trades and the topic str write them."""

from typing import Any

from backend.core.clock import from_ms
from backend.papergateway.account import ACCOUNT
from backend.papergateway.prices import Instrument
from backend.papergateway.trading.desk import Desk
from backend.papergateway.trading.ledger import Fill

VENUES = {"NASDAQ": "ISLAND"}


def row(desk: Desk, fill: Fill) -> dict[str, Any]:
    """The commission is missing until it is told: for a second or two after the trade."""
    order = desk.state.orders[fill.order_id]
    instrument = desk.market.instruments[fill.conid]
    venue = VENUES.get(instrument.exchange, instrument.exchange)
    shares = abs(fill.quantity)
    found = {
        "execution_id": fill.id,
        "symbol": instrument.symbol,
        "supports_tax_opt": "1",
        "side": order.side[0],
        "order_description": f"{_verb(fill)} {shares} @ {fill.price:.2f} on {venue}",
        "trade_time": f"{from_ms(fill.at_ms):%Y%m%d-%H:%M:%S}",
        "trade_time_r": fill.at_ms,
        "size": float(shares),
        "price": f"{fill.price:.2f}",
        "order_ref": order.client_id,
        "submitter": order.submitter,
        "exchange": venue,
        "commission": f"{fill.commission:.2f}" if fill.told_ms <= desk.now_ms else None,
        "net_amount": float(shares * fill.price),
        "position": str(fill.position),
        "order_id": order.id,
    }
    told = {name: value for name, value in found.items() if value is not None}
    return {**told, **_contract(instrument)}


def _contract(instrument: Instrument) -> dict[str, Any]:
    return {
        "account": ACCOUNT,
        "accountCode": ACCOUNT,
        "account_allocation_name": ACCOUNT,
        "company_name": instrument.name,
        "contract_description_1": instrument.symbol,
        "sec_type": "STK",
        "listing_exchange": f"{instrument.exchange}.NMS",
        "conid": instrument.conid,
        "conidEx": str(instrument.conid),
        "clearing_id": "IB",
        "clearing_name": "IB",
        "liquidation_trade": "0",
        "is_event_trading": "0",
    }


def streamed(desk: Desk, fill: Fill) -> dict[str, Any]:
    """The same with what only the WebSocket tells."""
    held_before = fill.position - fill.quantity
    closes = held_before * fill.quantity < 0
    extra = {"contract_description_2": "", "open_close": "C" if closes else "O"}
    return {**row(desk, fill), **extra}


def _verb(fill: Fill) -> str:
    return "Bought" if fill.quantity > 0 else "Sold"
