"""Rows of orders and round trips, as if a strategy had traded, for tests of what reads them."""

from decimal import Decimal
from typing import Any

from backend.core.database import transaction
from backend.portfolio.orders.models import Closing, ClosingState, Order, Role, RoundTrip
from backend.trading.exits import Exits
from backend.trading.order_state import OrderState
from tests.support.live_engine import FRIDAY


def open_trip(account: str, *, exits: Exits | None = None, **changes: Any) -> RoundTrip:
    """A hundred shares bought at 100, with a stop at 95 that the broker is said to hold."""
    usual = {
        "account": account,
        "strategy_id": 1,
        "strategy_version": 1,
        "strategy_name": "Always long",
        "execution_id": 1,
        "is_paper": True,
        "is_simulated": True,
        "symbol": "AAPL",
        "conid": 265598,
        "currency": "USD",
        "side": "BUY",
        "quantity": Decimal(100),
        "decision_price": Decimal(100),
        "stop": Decimal(95),
        "document": {"plan": {"exits": (exits or Exits()).model_dump(mode="json")}},
        "planned_at": FRIDAY,
        "opened_at": FRIDAY,
        "entry_reason": "rules_fired",
        "entered": Decimal(100),
        "entry_price": Decimal(100),
        "best_price": Decimal(100),
        "worst_price": Decimal(100),
    }
    with transaction() as session:
        trip = RoundTrip(**usual | changes)
        session.add(trip)
        session.flush()
        is_long = trip.side == "BUY"
        entry = order_of(trip, Role.ENTRY, trip.side, "MKT", state=OrderState.FILLED)
        entry.filled, entry.done_at = trip.quantity, FRIDAY
        stop = order_of(trip, Role.STOP, "SELL" if is_long else "BUY", "STP", stop_price=trip.stop)
        session.add_all([entry, stop])
    return trip


def order_of(trip: RoundTrip, role: Role, side: str, order_type: str, **changes: Any) -> Order:
    usual = {
        "client_order_id": f"gb-test-{trip.id}-{role}",
        "account": trip.account,
        "broker_order_id": f"test-{trip.id}-{role}",
        "round_trip_id": trip.id,
        "strategy_id": trip.strategy_id,
        "execution_id": trip.execution_id,
        "role": role,
        "symbol": trip.symbol,
        "conid": trip.conid,
        "side": side,
        "order_type": order_type,
        "quantity": trip.quantity,
        "tif": "GTC",
        "state": OrderState.HELD,
        "created_at": FRIDAY,
        "created_by": "test",
        "updated_at": FRIDAY,
    }
    return Order(**usual | changes)


def closing_of(trip: RoundTrip, halt_id: int | None, outcome: str) -> Closing:
    return Closing(
        account=trip.account,
        conid=trip.conid,
        symbol=trip.symbol,
        round_trip_id=trip.id,
        halt_id=halt_id,
        reason="flatten" if halt_id else "hand",
        asked_at=FRIDAY,
        asked_by="test",
        state=ClosingState.CANCELLING,
        outcome=outcome,
    )
