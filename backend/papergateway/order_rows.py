"""Orders as live orders, order status and the topic sor write them."""

from decimal import Decimal
from typing import Any

from backend.core.clock import from_ms
from backend.papergateway.account import ACCOUNT, CURRENCY
from backend.papergateway.prices import Instrument
from backend.papergateway.prices.bars import money
from backend.papergateway.trading.desk import Desk
from backend.papergateway.trading.orders import Kind, Order, Side, Status, Tif

Row = dict[str, Any]
IDENTITY = ("acct", "conidex", "conid", "orderId", "isEventTrading")
"""What every sparse update of the topic sor carries."""
ALWAYS_IN_ANSWER = {"encrypt_message": "1"}

_NAMES = {
    Kind.MKT: "Market",
    Kind.LMT: "Limit",
    Kind.STP: "Stop",
    Kind.STOP_LIMIT: "Stop Limit",
    Kind.TRAIL: "Trailing Stop",
    Kind.TRAILLMT: "Trailing Stop Limit",
    Kind.MIDPRICE: "MidPrice",
}
_TIFS = {Tif.DAY: "CLOSE", Tif.GTC: "GTC", Tif.IOC: "IOC", Tif.OPG: "OPG"}
_COLOURS = {
    Status.FILLED: ("#FFFFFF", "#0000CC"),
    Status.CANCELLED: ("#FFFFFF", "#CC0000"),
    Status.INACTIVE: ("#FFFFFF", "#AA0000"),
}
_WORKING_COLOURS = ("#000000", "#00F000")
# FIX OrdStatus; "0" and "2" were recorded, the others are its standard.
_FIX = {
    Status.PENDING_SUBMIT: "A",
    Status.PRE_SUBMITTED: "0",
    Status.SUBMITTED: "0",
    Status.PENDING_CANCEL: "6",
    Status.FILLED: "2",
    Status.CANCELLED: "4",
    Status.INACTIVE: "8",
}


def placed(order: Order, *, status: str | None = None) -> Row:
    """The answer to a submission; ids are texts here and numbers everywhere else."""
    row = {"order_id": str(order.id), "order_status": status or order.status, **ALWAYS_IN_ANSWER}
    if order.client_id is not None:
        row["local_order_id"] = order.client_id
    if order.parent_id is not None:
        row["parent_order_id"] = str(order.parent_id)
    return row


def live(instrument: Instrument, order: Order) -> Row:
    """A row of live orders; what an order does not have is missing."""
    foreground, background = _COLOURS.get(order.status, _WORKING_COLOURS)
    row = {
        "acct": ACCOUNT,
        "account": ACCOUNT,
        "conidex": str(order.conid),
        "conid": order.conid,
        "orderId": order.id,
        "cashCcy": CURRENCY,
        "sizeAndFills": _size_and_fills(order),
        "orderDesc": description(order),
        "description1": instrument.symbol,
        "ticker": instrument.symbol,
        "secType": "STK",
        "listingExchange": f"{instrument.exchange}.NMS",
        "remainingQuantity": float(0 if order.status.is_done else order.remaining),
        "filledQuantity": float(order.filled),
        "totalSize": float(order.quantity),
        "companyName": instrument.name,
        "status": order.status,
        "order_ccp_status": order.status,
        "outsideRTH": order.outside_rth,
        "origOrderType": _NAMES[order.kind].upper().replace(" ", "_"),
        "supportsTaxOpt": "1",
        "lastExecutionTime": stamp(order.changed_ms),
        "orderType": _NAMES[order.kind],
        "bgColor": background,
        "fgColor": foreground,
        "isEventTrading": "0",
        "price": _price(order),
        "timeInForce": _TIFS[order.tif],
        "lastExecutionTime_r": order.changed_ms,
        "side": order.side,
    }
    return {**row, **_optional(order)}


def _optional(order: Order) -> Row:
    trigger = text(order.trigger()) if order.kind.has_trigger else None
    found = {
        "order_ref": order.client_id,
        "avgPrice": average(order),
        "stop_price": trigger,
        "auxPrice": None if order.kind is Kind.STP else trigger,
        "parentId": order.parent_id,
        "ocaGroupId": order.group or (str(order.parent_id) if order.parent_id else None),
        "order_cancellation_by_system_reason": (
            order.reason if order.status is Status.CANCELLED else None
        ),
    }
    return {name: value for name, value in found.items() if value is not None}


def _price(order: Order) -> str:
    """The limit; a stop's trigger; nothing for a market order."""
    if order.kind is Kind.STP:
        return text(order.stop) or ""
    return text(order.cap()) or ""


def text(ticks: int | None) -> str | None:
    return None if ticks is None else f"{money(ticks):.2f}"


def average(order: Order) -> str | None:
    """Cents, and hundredths of them only where there are any."""
    if order.average is None:
        return None
    found = f"{order.average:.4f}"
    return found.removesuffix("00")


def _size_and_fills(order: Order) -> str:
    return str(order.filled) if order.status.is_done else f"{order.filled}/{order.quantity}"


def description(order: Order) -> str:
    """`Buy 5 Limit 185.00, GTC`"""
    is_filled = order.status is Status.FILLED
    verbs = {Side.BUY: ("Buy", "Bought"), Side.SELL: ("Sell", "Sold")}
    words = [verbs[order.side][is_filled], str(order.quantity), _NAMES[order.kind]]
    prices = [_price(order), text(order.trigger()) if order.kind in _SHOWS_TRIGGER else None]
    words += ["/".join(price for price in prices if price)]
    tif = "Day" if order.tif is Tif.DAY else order.tif
    return f"{' '.join(word for word in words if word)}, {tif}"


_SHOWS_TRIGGER = (Kind.STOP_LIMIT, Kind.TRAIL, Kind.TRAILLMT)


def stamp(moment_ms: int) -> str:
    """`YYMMDDHHmmss` in UTC."""
    return f"{from_ms(moment_ms):%y%m%d%H%M%S}"


def status(desk: Desk, instrument: Instrument, order: Order) -> Row:
    """The answer of order/status, where sizes and prices are texts and sides letters."""
    words = description(order)
    kind = _NAMES[order.kind]
    found = {
        "order_description": words,
        "order_description_with_contract": words.replace(kind, f"{instrument.symbol} {kind}", 1),
        "exit_strategy_chart_description": words,
        "exit_strategy_display_price": _price(order),
        "child_order_type": "3" if desk.children(order) else "0",
        "limit_price": text(order.cap()),
        "stop_price": text(order.trigger()) if order.kind.has_trigger else None,
        "average_price": average(order),
    }
    told = {name: value for name, value in found.items() if value is not None}
    return {**_ALWAYS, **_contract(instrument), **_standing(order), **told}


_ALWAYS = {
    "sub_type": None,
    "server_id": "0",
    "option_acct": "c",
    "currency": CURRENCY,
    "account": ACCOUNT,
    "editable_fields": "\u001e",
    "all_or_none": False,
    "use_price_mgmt_algo": False,
    "sec_type": "STK",
    "available_chart_periods": "#R|1",
    "clearing_id": "IB",
    "clearing_name": "IB",
    "alert_active": 1,
    "order_clearing_account": ACCOUNT,
    "exit_strategy_tool_availability": "1",
    "allowed_duplicate_opposite": True,
}


def _contract(instrument: Instrument) -> Row:
    return {
        "conidex": str(instrument.conid),
        "conid": instrument.conid,
        "symbol": instrument.symbol,
        "contract_description_1": instrument.symbol,
        "listing_exchange": f"{instrument.exchange}.NMS",
        "company_name": instrument.name,
    }


def _standing(order: Order) -> Row:
    foreground, background = _COLOURS.get(order.status, _WORKING_COLOURS)
    return {
        "request_id": str(order.id % 1_000),
        "order_id": order.id,
        "side": order.side[0],
        "size": _size(0 if order.status.is_done else order.remaining),
        "total_size": _size(order.quantity),
        "cum_fill": _size(order.filled),
        "size_and_fills": _size_and_fills(order),
        "order_type": _NAMES[order.kind].upper().replace(" ", "_"),
        "order_status": order.status,
        "order_ccp_status": _FIX[order.status],
        "order_status_description": _described(order.status),
        "tif": order.tif,
        "fg_color": foreground,
        "bg_color": background,
        "order_not_editable": not order.is_working,
        "cannot_cancel_order": not order.is_working,
        "outside_rth": order.outside_rth,
        "deactivate_order": order.status is Status.INACTIVE,
        "order_time": stamp(order.placed_ms),
    }


def _size(shares: int) -> str:
    return f"{Decimal(shares):.1f}"


def _described(found: Status) -> str:
    return {
        Status.FILLED: "Order Filled",
        Status.CANCELLED: "Order Cancelled",
        Status.INACTIVE: "Order Inactive",
        Status.PENDING_CANCEL: "Order Cancel Requested",
    }.get(found, "Order Submitted")
