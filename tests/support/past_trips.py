"""Round trips that are over, with their orders and fills, for tests of what looks back on them."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from backend.portfolio.books.models import Fill
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.trading.order_state import OrderState
from backend.trading.round_trip import Side, gross_pnl
from tests.support.trades import order, round_trip


def closed_trip(
    session: Session,
    execution_id: int,
    entry: str,
    leaving: str,
    *,
    stop: str = "190",
    side: Side = "BUY",
    reason: str = "target",
    closed_at: datetime,
    quantity: int = 100,
    **changes: Any,
) -> RoundTrip:
    """Bought (or sold short) and left at these prices, with a commission of 1 for each order."""
    price, last, size = Decimal(entry), Decimal(leaving), Decimal(quantity)
    best, worst = (max, min) if side == "BUY" else (min, max)
    usual: dict[str, Any] = {
        "side": side,
        "quantity": size,
        "execution_id": execution_id,
        "decision_price": price,
        "stop": Decimal(stop),
        "planned_at": closed_at - timedelta(hours=3, minutes=1),
        "opened_at": closed_at - timedelta(hours=3),
        "closed_at": closed_at,
        "exit_reason": reason,
        "entered": size,
        "entry_price": price,
        "left": size,
        "exit_price": last,
        "commission": Decimal(2),
        "gross_pnl": gross_pnl(side, price, last, size),
        "best_price": best(price, last),
        "worst_price": worst(price, last),
    }
    trip = round_trip(session, **usual | changes)
    role = {"stop": Role.STOP, "target": Role.TARGET}.get(reason, Role.EXIT)
    for each, at_price, at in ((Role.ENTRY, price, trip.opened_at), (role, last, closed_at)):
        _filled(session, trip, each, at_price, at or closed_at)
    return trip


def _filled(session: Session, trip: RoundTrip, role: Role, price: Decimal, at: datetime) -> Order:
    buys = (role is Role.ENTRY) == (trip.side == "BUY")
    side = "BUY" if buys else "SELL"
    made = order(
        session,
        trip,
        role,
        client_order_id=f"gb-{trip.execution_id}-{role}",
        execution_id=trip.execution_id,
        account=trip.account,
        side=side,
        quantity=trip.quantity,
        state=OrderState.FILLED,
        filled=trip.quantity,
        average_price=price,
        commission=Decimal(1),
        done_at=at,
    )
    session.add(
        Fill(
            id=f"fill-{made.id}",
            order_id=made.id,
            account=trip.account,
            broker_order_id=f"b-{made.id}",
            symbol=trip.symbol,
            conid=trip.conid,
            side=side,
            quantity=trip.quantity,
            price=price,
            commission=Decimal(1),
            at=at,
            seen_at=at,
            seen_by="stream",
        )
    )
    return made
