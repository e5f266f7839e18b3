"""Trades as the database holds them after a while, for tests of what shows orders and positions."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from backend.brokers.base import AccountSnapshot, Position
from backend.core.database import transaction
from backend.portfolio import looks
from backend.portfolio.books.models import Drift, Fill
from backend.portfolio.models import EquitySnapshot
from backend.portfolio.orders.models import Order, OrderQuestion, OrderTransition, Role, RoundTrip
from backend.trading.order_state import OrderState
from tests.support.held_trades import open_trip, order_of
from tests.support.live_engine import FRIDAY

ACCOUNT = "DUP123456"
HOSTILE = "<script>alert('x')</script>"


def trade(account: str = ACCOUNT, **changes: Any) -> RoundTrip:
    """
    A hundred shares bought at 100.02, two cents worse than decided, a stop at 95 and a target at
    110 at the broker; every order with its transitions, the entry with a question and two fills.
    """
    trip = open_trip(account, **{"entry_price": Decimal("100.02"), **changes})
    with transaction() as session:
        orders = {
            order.role: order for order in session.query(Order).filter_by(round_trip_id=trip.id)
        }
        entry = orders[Role.ENTRY]
        entry.average_price, entry.commission = Decimal("100.02"), Decimal("1.00")
        entry.sent_at, entry.acknowledged_at = FRIDAY, FRIDAY + timedelta(milliseconds=180)
        target = order_of(
            trip,
            Role.TARGET,
            "SELL" if trip.side == "BUY" else "BUY",
            "LMT",
            limit_price=Decimal(110),
            state=OrderState.WORKING,
        )
        session.add(target)
        session.flush()
        for child in (orders[Role.STOP], target):
            child.parent_id = entry.id
        _tell(session, entry, OrderState.PLANNED, OrderState.SENDING, OrderState.FILLED)
        _tell(session, orders[Role.STOP], OrderState.PLANNED, OrderState.SENDING, OrderState.HELD)
        _tell(session, target, OrderState.PLANNED, OrderState.SENDING, OrderState.WORKING)
        session.add(
            OrderQuestion(
                order_id=entry.id,
                asked_at=FRIDAY,
                reply_id="r1",
                message_ids=["o10331"],
                text="Stop orders become market orders.",
                answer="yes",
                answered_at=FRIDAY,
                answered_by="policy: o10331 is covered",
            )
        )
        for number, quantity in enumerate((60, 40)):
            session.add(fill(entry, number, Decimal(quantity), Decimal("100.02")))
    return trip


def fill(order: Order, number: int, quantity: Decimal, price: Decimal, **changes: Any) -> Fill:
    usual = {
        "id": f"fill-{order.id}-{number}",
        "order_id": order.id,
        "account": order.account,
        "broker_order_id": order.broker_order_id or "",
        "symbol": order.symbol,
        "conid": order.conid,
        "side": order.side,
        "quantity": quantity,
        "price": price,
        "commission": Decimal("0.50"),
        "at": FRIDAY + timedelta(seconds=number),
        "seen_at": FRIDAY + timedelta(seconds=number),
        "seen_by": "stream",
    }
    return Fill(**usual | changes)


def lone(state: OrderState, **changes: Any) -> int:
    """An order that belongs to no trade; its number."""
    with transaction() as session:
        number = session.query(Order).count() + 1
        usual = {
            "client_order_id": f"gb-lone-{number}",
            "account": ACCOUNT,
            "role": Role.FLATTEN,
            "symbol": "MSFT",
            "conid": 272093,
            "side": "SELL",
            "order_type": "MKT",
            "quantity": Decimal(10),
            "tif": "DAY",
            "state": state,
            "created_at": FRIDAY,
            "created_by": "person:ann",
            "updated_at": FRIDAY,
            "done_at": FRIDAY if state in FINAL_STATES else None,
        }
        order = Order(**usual | changes)
        session.add(order)
        session.flush()
        return order.id


FINAL_STATES = (
    *(OrderState.FILLED, OrderState.CANCELLED, OrderState.REFUSED, OrderState.WITHDRAWN),
)


def orders_of(trip: RoundTrip) -> dict[Role, Order]:
    with transaction() as session:
        found = session.query(Order).filter_by(round_trip_id=trip.id).order_by(Order.id).all()
        return {order.role: order for order in found}


def worth(equity: int, *, minutes_ago: int = 0, account: str = ACCOUNT, **changes: Any) -> None:
    """What the account was worth at a moment."""
    usual = {
        "account": account,
        "at": FRIDAY - timedelta(minutes=minutes_ago),
        "currency": "USD",
        "is_paper": True,
        "is_simulated": True,
        "cash": Decimal(90_000),
        "equity": Decimal(equity),
        "buying_power": Decimal(180_000),
        "day_pnl": Decimal("120.50"),
        "realized_pnl": Decimal(20),
        "gross_exposure": Decimal(10_000),
        "net_exposure": Decimal(10_000),
        "largest_position": Decimal(10_000),
        "largest_three": Decimal(10_000),
        "open_positions": 1,
    }
    with transaction() as session:
        session.add(EquitySnapshot(**usual | changes))


def _tell(session: Any, order: Order, *states: OrderState) -> None:
    for number, (before, after) in enumerate(zip((None, *states), states, strict=False)):
        session.add(
            OrderTransition(
                order_id=order.id,
                at=FRIDAY + timedelta(milliseconds=90 * number),
                before=before,
                after=after,
                by="worker",
                sentence=f"It is {after} now.",
                details={"broker_order_id": order.broker_order_id} if before else {},
            )
        )


def look(account: str = ACCOUNT, *positions: Position, equity: int = 100_000) -> None:
    """What the broker is said to have told last; by default the hundred shares of `trade`."""
    snapshot = AccountSnapshot(
        account=account,
        currency="USD",
        is_paper=True,
        cash=Decimal(90_000),
        equity=Decimal(equity),
        buying_power=Decimal(180_000),
        day_pnl=Decimal("120.50"),
        taken_at=FRIDAY,
        positions=positions or (position(),),
    )
    with transaction() as session:
        looks.keep(session, snapshot)


def position(quantity: int = 100, price: int = 104, **changes: Any) -> Position:
    usual: dict[str, Any] = {
        "conid": 265598,
        "symbol": "AAPL",
        "quantity": Decimal(quantity),
        "average_cost": Decimal("100.02"),
        "market_price": Decimal(price),
        "market_value": Decimal(price * quantity),
        "unrealized_pnl": (Decimal(price) - Decimal("100.02")) * quantity,
        "realized_pnl": Decimal(0),
        "currency": "USD",
    }
    return Position(**usual | changes)


def drifted(ours: int, brokers: int, *, is_confirmed: bool = True, **changes: Any) -> int:
    """A difference from the broker that nobody has explained; its number."""
    usual = {
        "account": ACCOUNT,
        "conid": 265598,
        "symbol": "AAPL",
        "ours": Decimal(ours),
        "brokers": Decimal(brokers),
        "seen_at": FRIDAY,
        "confirmed_at": FRIDAY if is_confirmed else None,
    }
    with transaction() as session:
        row = Drift(**usual | changes)
        session.add(row)
        session.flush()
        return row.id
