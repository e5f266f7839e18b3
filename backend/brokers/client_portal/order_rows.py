"""
Orders and executions as the gateway writes them, in our words.

Source: Client Portal API field notes, "Orders" and "WebSocket": live orders and the topic `sor`
share their names, as trades and the topic `str` do. Rows of other platforms may lack anything but
their ids, so that nothing but a number that is none makes a row unreadable.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from backend.brokers.client_portal.parsing import (
    parse_number,
    required_integer,
    required_number,
)
from backend.brokers.orders import BrokerFill, BrokerOrder, OrderDelta, OrderStatus, Side
from backend.core.clock import from_ms

Row = Mapping[str, Any]

_STATUSES = {
    "apipending": OrderStatus.PENDING,
    "pendingsubmit": OrderStatus.PENDING,
    "presubmitted": OrderStatus.HELD,
    "warnstate": OrderStatus.HELD,
    "submitted": OrderStatus.WORKING,
    "pendingcancel": OrderStatus.CANCELLING,
    "precancelled": OrderStatus.CANCELLING,
    "filled": OrderStatus.FILLED,
    "cancelled": OrderStatus.CANCELLED,
    "apicancelled": OrderStatus.CANCELLED,
    "inactive": OrderStatus.INACTIVE,
    "failed": OrderStatus.INACTIVE,
}
_ORDER_TYPES = {
    "LIMIT": "LMT",
    "MARKET": "MKT",
    "STOP": "STP",
    "STOP LIMIT": "STOP_LIMIT",
    "TRAILING STOP": "TRAIL",
    "TRAILING STOP LIMIT": "TRAILLMT",
}
_WITHOUT_LIMIT = ("MKT", "STP", "TRAIL")
_PRICES = frozenset({"price", "auxPrice", "stop_price"})


def status(word: object) -> OrderStatus | None:
    """None for a word that nobody has written down."""
    return _STATUSES.get(str(word).replace("_", "").lower())


def order(row: Row) -> BrokerOrder:
    """Raises `TemporaryError` for a row without an order id, or with numbers that are none."""
    limit, stop = _prices(row)
    return BrokerOrder(
        order_id=str(required_integer(row.get("orderId"), "an order's id")),
        client_order_id=_text(row, "order_ref"),
        parent_order_id=_text(row, "parentId"),
        account=_account(row),
        conid=int(_number(row, "conid") or 0),
        symbol=str(row.get("ticker") or ""),
        side=_side(row),
        order_type=_order_type(row),
        quantity=_number(row, "totalSize") or Decimal(0),
        filled=_number(row, "filledQuantity") or Decimal(0),
        average_price=_number(row, "avgPrice") or None,
        limit_price=limit,
        stop_price=stop,
        tif=_tif(row),
        # An order whose state has an unknown name may live.
        status=status(row.get("status")) or OrderStatus.WORKING,
        reason=_text(row, "order_cancellation_by_system_reason"),
        outside_rth=bool(row.get("outsideRTH")),
    )


def fill(row: Row) -> BrokerFill:
    """Raises `TemporaryError` where it does not say what was traded, when, or at which price."""
    return BrokerFill(
        id=str(row["execution_id"]),
        account=_account(row),
        order_id=str(row.get("order_id") or ""),
        client_order_id=_text(row, "order_ref"),
        conid=required_integer(row.get("conid"), "an execution's conid"),
        symbol=str(row.get("symbol") or ""),
        side=_side(row),
        quantity=required_number(row.get("size"), "an execution's size"),
        price=required_number(row.get("price"), "an execution's price"),
        commission=_number(row, "commission"),
        at=from_ms(required_integer(row.get("trade_time_r"), "an execution's time")),
    )


def delta(changed: Row, known: Row) -> OrderDelta:
    """`known` is the whole row as far as it was told, by which prices find their meaning."""
    limit, stop = _prices(known) if _PRICES & changed.keys() else (None, None)
    return OrderDelta(
        order_id=str(required_integer(known.get("orderId"), "an order's id")),
        account=_account(known),
        client_order_id=_text(known, "order_ref"),
        status=status(changed.get("status")),
        quantity=_number(changed, "totalSize"),
        filled=_number(changed, "filledQuantity"),
        average_price=_number(changed, "avgPrice") or None,
        limit_price=limit,
        stop_price=stop,
        reason=_text(changed, "order_cancellation_by_system_reason"),
    )


def _prices(row: Row) -> tuple[Decimal | None, Decimal | None]:
    """The limit and the trigger, each None where this type of order has none."""
    kind, price = _order_type(row), _number(row, "price")
    if not kind:
        return None, None
    trigger = _number(row, "auxPrice") or _number(row, "stop_price")
    if trigger is None and kind in ("STP", "TRAIL"):
        trigger = price
    return None if kind in _WITHOUT_LIMIT else price, trigger


def _order_type(row: Row) -> str:
    written = str(row.get("origOrderType") or row.get("orderType") or "").upper()
    return _ORDER_TYPES.get(written.replace("_", " "), written)


def _side(row: Row) -> Side:
    """`BUY` and `SELL` in orders, `B` and `S` in executions; short sales are sales."""
    return "BUY" if str(row.get("side") or "").upper().startswith("B") else "SELL"


def _tif(row: Row) -> str:
    written = str(row.get("timeInForce") or "").upper()
    return "DAY" if written == "CLOSE" else written


def _account(row: Row) -> str:
    return str(row.get("acct") or row.get("account") or "")


def _text(row: Row, name: str) -> str | None:
    return str(row[name]) if row.get(name) else None


def _number(row: Row, name: str) -> Decimal | None:
    return parse_number(row.get(name), f"an order's {name}")
