"""A tracker's parts on a real paper gateway, a real database and a real Redis."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from backend.brokers.client_portal import ClientPortalBroker
from backend.brokers.orders import OrderAnswer, Question, Ticket
from backend.core.database import transaction
from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway
from backend.portfolio.books import positions
from backend.portfolio.books.models import Drift, Fill
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.portfolio.tracking.follower import Follower, Pace
from backend.portfolio.tracking.reading import Reader, Reading
from backend.trading.order_state import OrderState
from tests.brokers.conftest import (  # noqa: F401 - these fixtures are ours too
    MakeBroker,
    gateway,
    make_broker,
    quick_pacer,
    redis_client,
    shared_gateway,
)
from tests.brokers.tickets import AAPL
from tests.support import trades

PATIENCE = 60.0


@dataclass
class Desk:
    """Places orders as the desk does: rows first, then the request."""

    broker: ClientPortalBroker
    gateway: RunningGateway
    made: int = field(default=0)

    @property
    def price(self) -> Decimal:
        last = self.broker.quote(AAPL).last
        assert last is not None
        return last

    def bracket(self, quantity: int = 10, *, limit: int | None = None) -> dict[str, Order]:
        """At the market or a limit, a stop far below, a target far above; sent, not read back."""
        self.made += 1
        stop, target = int(self.price * Decimal("0.7")), int(self.price * Decimal("1.4"))
        names = {role: f"gb-{self.made}-{role}" for role in ("entry", "stop", "target")}
        with transaction() as session:
            rows = trades.bracket(
                session,
                account=ACCOUNT,
                quantity=Decimal(quantity),
                strategy_id=self.made,
                execution_id=self.made,
                stop=Decimal(stop),
            )[1:]
            rows[0].order_type = "MKT" if limit is None else "LMT"
            rows[0].limit_price = None if limit is None else Decimal(limit)
            for row in rows:
                row.account, row.client_order_id = ACCOUNT, names[row.role]
                row.quantity, row.created_at = Decimal(quantity), self.gateway.world.clock.now()
                row.updated_at = row.created_at
                row.stop_price = Decimal(stop) if row.role is Role.STOP else None
                if row.role is Role.TARGET:
                    row.limit_price = Decimal(target)
        self._send([_ticket(row, names["entry"]) for row in rows])
        return {row.role.value: row for row in rows}

    def move(self, stop: Order, price: int) -> None:
        """A stop order of the last bracket, to another price."""
        number = read(stop).broker_order_id
        assert number is not None
        with transaction() as session:
            session.get_one(Order, stop.id).stop_price = Decimal(price)
        stop.stop_price = Decimal(price)
        ticket = _ticket(stop, f"gb-{self.made}-entry")
        self._finish(self.broker.modify(ACCOUNT, number, ticket))

    def _send(self, tickets: Sequence[Ticket]) -> None:
        self._finish(self.broker.place(ACCOUNT, tickets))

    def _finish(self, answer: OrderAnswer) -> None:
        while isinstance(answer, Question):
            answer = self.broker.reply(ACCOUNT, answer, is_confirmed=True)


def _ticket(row: Order, entry: str) -> Ticket:
    return Ticket(
        client_order_id=row.client_order_id,
        conid=row.conid,
        side=row.side,  # type: ignore[arg-type]
        order_type=row.order_type,  # type: ignore[arg-type]
        quantity=row.quantity,
        tif=row.tif,  # type: ignore[arg-type]
        parent=None if row.role is Role.ENTRY else entry,
        limit_price=row.limit_price,
        stop_price=row.stop_price,
    )


def as_in_production(seconds: float) -> None:
    """Pauses of real time, but short ones."""
    time.sleep(min(seconds, 0.1))


@pytest.fixture
def broker(db: str, make_broker: MakeBroker) -> ClientPortalBroker:  # noqa: F811
    made = make_broker()
    made.ensure_session()
    return made


@pytest.fixture
def desk(broker: ClientPortalBroker, gateway: RunningGateway) -> Desk:  # noqa: F811
    return Desk(broker, gateway)


@pytest.fixture
def reader(broker: ClientPortalBroker, gateway: RunningGateway) -> Reader:  # noqa: F811
    """Its books are open."""
    made = Reader(broker, gateway.world.clock, ACCOUNT)
    made.read()
    return made


StartFollower = Callable[..., Follower]
OFTEN = Pace(usual=0.5, soon=0.5)


@pytest.fixture
def start_follower(
    db: str,
    make_broker: MakeBroker,  # noqa: F811
    gateway: RunningGateway,  # noqa: F811
) -> Iterator[StartFollower]:
    """With a broker of its own, as a process has; it reads every half second if not told else."""
    with ExitStack() as stack:

        def start(pace: Pace = OFTEN) -> Follower:
            own = make_broker(sleep=as_in_production)
            made = Follower(
                own,
                gateway.world.clock,
                ACCOUNT,
                name="test",
                pace=pace,
            )
            stack.callback(_end, made, own)
            made.start()
            until(lambda: made.is_following)
            return made

        yield start


def _end(follower: Follower, broker: ClientPortalBroker) -> None:
    follower.stop()
    broker.close()
    for thread in threading.enumerate():
        if thread.name == f"follow {ACCOUNT}":
            thread.join(PATIENCE)
            assert not thread.is_alive()


def until(is_so: Callable[[], bool], patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
    while not is_so():
        assert time.monotonic() < end, "It did not come to that."
        time.sleep(0.05)


def state_of(order: Order) -> OrderState:
    return read(order).state


def read(order: Order) -> Order:
    with transaction() as session:
        return session.get_one(Order, order.id)


def trip_of(order: Order) -> RoundTrip:
    with transaction() as session:
        return session.get_one(RoundTrip, order.round_trip_id)


def differences(gateway: RunningGateway) -> list[str]:  # noqa: F811
    """Where our rows and the broker's own books disagree; nothing when all is well."""
    books = gateway.control.books()
    with transaction() as session:
        ours = positions.expected(session, ACCOUNT)
        fills = {each.id: each for each in session.scalars(select(Fill))}
        orders = {each.client_order_id: each for each in session.scalars(select(Order))}
        drifts = session.scalars(select(Drift)).all()
    held = {name: quantity for name, quantity in books["positions"].items() if quantity}
    found = []
    if {each.symbol: each.quantity for each in ours.values()} != held:
        found.append(f"positions: {ours} instead of {held}")
    if set(fills) != {each["execution_id"] for each in books["trades"]}:
        found.append(f"fills: {sorted(fills)}")
    for trade in books["trades"]:
        found += _of_trade(trade, fills)
    for row in books["orders"]:
        found += _of_order(row, orders)
    return [*found, *(f"drift: {each.ours} and {each.brokers}" for each in drifts)]


def _of_trade(trade: dict[str, Any], fills: dict[str, Fill]) -> list[str]:
    kept = fills.get(trade["execution_id"])
    if kept is None:
        return [f"no fill {trade['execution_id']}"]
    told = Decimal(str(trade.get("commission") or 0))
    return [] if (kept.commission or 0) == told else [f"commission: {kept.commission} not {told}"]


_STATES = {
    "Filled": OrderState.FILLED,
    "Cancelled": OrderState.CANCELLED,
    "PreSubmitted": OrderState.HELD,
    "Submitted": OrderState.WORKING,
    "Inactive": OrderState.REFUSED,
}


def _of_order(row: dict[str, Any], orders: dict[str, Order]) -> list[str]:
    order = orders.get(row.get("order_ref", ""))
    if order is None:
        return []
    found = []
    if order.state is not _STATES[row["status"]]:
        found.append(f"{order.client_order_id}: {order.state}, not {row['status']}")
    if order.filled != Decimal(str(row["filledQuantity"])):
        found.append(f"{order.client_order_id}: filled {order.filled}")
    return found


__all__ = ["Desk", "Reading", "differences", "read", "state_of", "trip_of", "until"]
