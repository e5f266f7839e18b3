"""A round trip as the desk reserves it, and what a broker says of its orders."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from backend.brokers.orders import BrokerFill, BrokerOrder, OrderStatus
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.trading.order_state import OrderState
from tests.support.live_engine import FRIDAY

ACCOUNT = "DUP1000001"
CONID = 265598


def round_trip(session: Session, **changes: Any) -> RoundTrip:
    """A long one of 100 AAPL at 200 with its stop at 190, planned on Friday."""
    usual: dict[str, Any] = {
        "account": ACCOUNT,
        "strategy_id": 1,
        "strategy_version": 1,
        "strategy_name": "Trend",
        "execution_id": 7,
        "is_paper": True,
        "is_simulated": True,
        "symbol": "AAPL",
        "conid": CONID,
        "currency": "USD",
        "side": "BUY",
        "quantity": Decimal(100),
        "decision_price": Decimal(200),
        "stop": Decimal(190),
        "document": {},
        "planned_at": FRIDAY,
        "entry_reason": "The trend is up.",
        "entered": Decimal(0),
        "left": Decimal(0),
        "commission": Decimal(0),
    }
    row = RoundTrip(**usual | changes)
    session.add(row)
    session.flush()
    return row


def order(session: Session, trip: RoundTrip | None, role: Role, **changes: Any) -> Order:
    """An order that is being sent; a market entry, or the opposite side at the price given."""
    is_entry = role is Role.ENTRY
    usual: dict[str, Any] = {
        "client_order_id": f"gb-7-{role}",
        "account": ACCOUNT,
        "round_trip_id": trip and trip.id,
        "strategy_id": 1,
        "execution_id": 7,
        "role": role,
        "symbol": "AAPL",
        "conid": CONID,
        "side": "BUY" if is_entry else "SELL",
        "order_type": {Role.STOP: "STP", Role.TARGET: "LMT"}.get(role, "MKT"),
        "quantity": Decimal(100),
        "stop_price": Decimal(190) if role is Role.STOP else None,
        "limit_price": Decimal(220) if role is Role.TARGET else None,
        "tif": "DAY" if is_entry else "GTC",
        "state": OrderState.SENDING,
        "filled": Decimal(0),
        "commission": Decimal(0),
        "created_at": FRIDAY,
        "created_by": "worker:test",
        "updated_at": FRIDAY,
    }
    row = Order(**usual | changes)
    session.add(row)
    session.flush()
    return row


def bracket(session: Session, **changes: Any) -> tuple[RoundTrip, Order, Order, Order]:
    """Entry, stop and target of one round trip."""
    trip = round_trip(session, **changes)
    entry = order(session, trip, Role.ENTRY)
    stop = order(session, trip, Role.STOP, parent_id=entry.id)
    target = order(session, trip, Role.TARGET, parent_id=entry.id)
    return trip, entry, stop, target


def listed(order: Order, number: str, status: OrderStatus, **changes: Any) -> BrokerOrder:
    usual: dict[str, Any] = {
        "order_id": number,
        "client_order_id": order.client_order_id,
        "parent_order_id": None,
        "account": order.account,
        "conid": order.conid,
        "symbol": order.symbol,
        "side": order.side,
        "order_type": order.order_type,
        "quantity": order.quantity,
        "filled": order.quantity if status is OrderStatus.FILLED else Decimal(0),
        "average_price": None,
        "limit_price": order.limit_price,
        "stop_price": order.stop_price,
        "tif": order.tif,
        "status": status,
        "reason": None,
    }
    return BrokerOrder(**usual | changes)


def fill(
    order: Order, number: str, id: str, quantity: int, price: str, **changes: Any
) -> BrokerFill:
    usual: dict[str, Any] = {
        "id": id,
        "account": order.account,
        "order_id": number,
        "client_order_id": order.client_order_id,
        "conid": order.conid,
        "symbol": order.symbol,
        "side": order.side,
        "quantity": Decimal(quantity),
        "price": Decimal(price),
        "commission": None,
        "at": at(1),
    }
    return BrokerFill(**usual | changes)


def at(minutes: float) -> datetime:
    return FRIDAY + timedelta(minutes=minutes)
