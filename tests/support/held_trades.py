"""Rows of orders and round trips, as if a strategy had traded, for tests of what reads them."""

from decimal import Decimal
from typing import Any

from sqlalchemy import select

from backend.brokers.orders import OrderAnswer, Question, Taken
from backend.core.database import transaction
from backend.portfolio.orders import following, sending
from backend.portfolio.orders.matching import News
from backend.portfolio.orders.models import Closing, ClosingState, Order, Role, RoundTrip
from backend.trading.exits import Exits
from backend.trading.order_state import OrderState
from tests.support.live_engine import FRIDAY, Engine

_TRIP: dict[str, Any] = {
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
    "planned_at": FRIDAY,
    "entry_reason": "rules_fired",
}


def open_trip(account: str, *, exits: Exits | None = None, **changes: Any) -> RoundTrip:
    """A hundred shares bought at 100, with a stop at 95 that the broker is said to hold."""
    bought = {
        "account": account,
        "document": {"plan": {"exits": (exits or Exits()).model_dump(mode="json")}},
        "opened_at": FRIDAY,
        "entered": Decimal(100),
        "entry_price": Decimal(100),
        "best_price": Decimal(100),
        "worst_price": Decimal(100),
    }
    with transaction() as session:
        trip = RoundTrip(**_TRIP | bought | changes)
        session.add(trip)
        session.flush()
        is_long = trip.side == "BUY"
        entry = order_of(trip, Role.ENTRY, trip.side, "MKT", state=OrderState.FILLED)
        entry.filled, entry.done_at = trip.quantity, FRIDAY
        stop = order_of(trip, Role.STOP, "SELL" if is_long else "BUY", "STP", stop_price=trip.stop)
        session.add_all([entry, stop])
    return trip


def order_of(
    trip: RoundTrip, role: Role, side: str, order_type: str = "MKT", **changes: Any
) -> Order:
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


def traded(engine: Engine, *, exits: Exits | None = None, **changes: Any) -> RoundTrip:
    """
    A bracket that is really at the paper gateway, bought (or sold) at the market unless `limit`
    says otherwise, with its stop and target five per cent away.
    """
    broker = engine.tools.broker
    broker.ensure_session()
    [account] = broker.accounts()
    price = broker.quote(265598).last or Decimal(200)
    limit, is_long = changes.pop("limit", None), changes.get("side", "BUY") == "BUY"
    stop, target = (
        (price * Decimal(factor)).quantize(Decimal("0.1"))
        for factor in (("0.95", "1.05") if is_long else ("1.05", "0.95"))
    )
    with transaction() as session:
        trip = RoundTrip(**_TRIP | {"account": account.id, "stop": stop} | changes)
        trip.document = {"plan": {"exits": (exits or Exits()).model_dump(mode="json")}}
        session.add(trip)
        session.flush()
        out = "SELL" if is_long else "BUY"
        planned: dict[str, Any] = {
            "broker_order_id": None,
            "state": OrderState.SENDING,
            "sent_at": FRIDAY,
        }
        kind = {"order_type": "MKT" if limit is None else "LMT", "limit_price": limit}
        entry = order_of(trip, Role.ENTRY, trip.side, **planned, **kind)
        session.add(entry)
        session.flush()
        legs = [
            order_of(trip, Role.STOP, out, "STP", stop_price=stop, parent_id=entry.id, **planned),
            order_of(
                trip, Role.TARGET, out, "LMT", limit_price=target, parent_id=entry.id, **planned
            ),
        ]
        session.add_all(legs)
    tickets = sending.tickets([entry, *legs])
    answer = yes_to_all(engine, account.id, broker.place(account.id, tickets))
    assert isinstance(answer, Taken), answer
    engine.gateway.control.advance(30)
    followed(engine)
    return read_trip(trip)


def yes_to_all(engine: Engine, account: str, answer: OrderAnswer) -> OrderAnswer:
    while isinstance(answer, Question):
        answer = engine.tools.broker.reply(account, answer, is_confirmed=True)
    return answer


def followed(engine: Engine) -> None:
    """As the tracker does after every start of its stream."""
    broker = engine.tools.broker
    [account] = broker.accounts()
    news: list[News] = [*broker.orders(account.id), *broker.fills(account.id)]
    with transaction() as session:
        following.apply(session, engine.clock, account.id, news)


def read_trip(trip: RoundTrip) -> RoundTrip:
    with transaction() as session:
        return session.get_one(RoundTrip, trip.id)


def orders_of(trip: RoundTrip) -> dict[str, Order]:
    """By role; of several exits the newest."""
    with transaction() as session:
        query = select(Order).where(Order.round_trip_id == trip.id).order_by(Order.id)
        return {each.role: each for each in session.scalars(query)}


def held(engine: Engine, symbol: str = "AAPL") -> Decimal:
    """As the gateway's own books say."""
    positions = engine.gateway.control.books()["positions"]
    return Decimal(positions.get(symbol, 0))
