"""
A thousand orders cancelled at once: from that moment until our tables say so, by way of the stream.

Beside it psycopg2 writes the same: the order's row and its transition per update, in as large
transactions, with nobody to tell it what to write.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median
from time import monotonic, perf_counter, sleep
from typing import Any

import psycopg2
from sqlalchemy import func, insert, select, text

from backend.brokers.client_portal import ClientPortalBroker
from backend.brokers.pacing import Pacer
from backend.core import redis
from backend.core.database import transaction
from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway, running_gateway
from backend.papergateway.trading import placing, tickets
from backend.portfolio.orders.models import Order, OrderTransition, Role
from backend.portfolio.tracking.follower import Follower, Pace
from backend.trading.order_state import OrderState
from benchmarks import stack

AAPL = 265598
MORNING = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
ORDERS = 1_000
UPDATES = 2 * ORDERS
"""Each order is first being cancelled, then cancelled."""
ROUNDS = 3
GOAL_US = 1_000.0
PATIENCE_SECONDS = 120.0


def run() -> list[dict[str, Any]]:
    """Microseconds per update, medians of rounds in turns; 1,000 us are a thousand a second."""
    with stack.quiet_logs(), stack.postgres() as server, stack.redis():
        rounds = [(_follow(), _write(server.url)) for _ in range(ROUNDS)]
    ours, peer = (median(each) / UPDATES * 1e6 for each in zip(*rounds, strict=True))
    row = {
        "benchmark": f"an order update followed, one of {UPDATES:,}",
        "ours_us": round(ours, 1),
        "peer_us": round(peer, 1),
        "beside": "psycopg2 writing the same rows",
        "ratio": round(ours / peer, 1),
        "goal_us": GOAL_US,
    }
    return [row]


def _follow() -> float:
    with running_gateway(https=False, now=MORNING, paced=False) as gateway, _broker(gateway) as it:
        _place(gateway)
        clock = gateway.world.clock
        follower = Follower(it, clock, ACCOUNT, name="benchmark", pace=Pace(usual=600, soon=600))
        follower.start()
        try:
            _until(lambda: follower.is_following)
            for order in list(gateway.world.desk.working.values()):
                gateway.world.desk.request_cancel(order)
            begun = perf_counter()
            gateway.control.advance(1)
            _until(lambda: _count(OrderState.CANCELLED) == ORDERS)
            return perf_counter() - begun
        finally:
            follower.stop()
            # Its threads end within a moment, and would miss the broker.
            sleep(1.5)
            _empty()


def _place(gateway: RunningGateway) -> None:
    """At work for the gateway and, row by row, for us."""
    now = gateway.world.clock.now()
    rows = []
    for number in range(ORDERS):
        body = {"conid": AAPL, "side": "BUY", "orderType": "LMT", "tif": "DAY", "quantity": 1}
        terms = {**body, "price": 200 + number / 100, "cOID": f"update-{number}"}
        (placed,) = placing.place(gateway.world.desk, [tickets.read(terms)])
        assert not isinstance(placed, placing.Failure)
        rows.append(
            {
                "client_order_id": f"update-{number}",
                "broker_order_id": str(placed.id),
                "account": ACCOUNT,
                "role": Role.ENTRY,
                "symbol": "AAPL",
                "conid": AAPL,
                "side": "BUY",
                "order_type": "LMT",
                "quantity": Decimal(1),
                "limit_price": Decimal(20_000 + number) / 100,
                "tif": "DAY",
                "state": OrderState.WORKING,
                "created_at": now,
                "created_by": "benchmark",
                "updated_at": now,
            }
        )
    with transaction() as session:
        session.execute(insert(Order), rows)


@contextmanager
def _broker(gateway: RunningGateway) -> Iterator[ClientPortalBroker]:
    """It need not wait for its turn: nothing is measured of IBKR's limits."""
    client = redis.client()

    def open_gates(_: float) -> None:
        for gate in client.scan_iter("glassbox:pacing:gate:*"):
            client.delete(gate)

    broker = ClientPortalBroker(
        base_url=gateway.url,
        clock=gateway.world.clock,
        redis=client,
        pacer=Pacer(client, requests_per_second=500, sleep=open_gates),
    )
    try:
        yield broker
    finally:
        broker.close()


def _count(state: OrderState) -> int:
    with transaction() as session:
        return session.scalar(select(func.count()).where(Order.state == state)) or 0


def _until(condition: Any) -> None:
    deadline = monotonic() + PATIENCE_SECONDS
    while not condition():
        if monotonic() > deadline:
            raise RuntimeError("The updates were never followed.")
        sleep(0.02)


def _empty() -> None:
    tables = f"{OrderTransition.__tablename__}, {Order.__tablename__}"
    with transaction() as session:
        session.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))


def _write(url: str) -> float:
    """As many updates of rows that are there already, 500 to a transaction."""
    address = url.replace("postgresql+psycopg2", "postgresql")
    with psycopg2.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE bare_orders (id bigint PRIMARY KEY, state text)")
        cursor.execute(
            "CREATE TEMP TABLE bare_transitions (id bigserial PRIMARY KEY, order_id bigint,"
            " at timestamptz, before text, after text, by text, sentence text, details jsonb)"
        )
        cursor.execute(
            f"INSERT INTO bare_orders SELECT n, 'working' FROM generate_series(1, {ORDERS}) n"
        )
        connection.commit()
        begun = perf_counter()
        for number in range(UPDATES):
            order_id = number % ORDERS + 1
            cursor.execute("UPDATE bare_orders SET state = %s WHERE id = %s", ("x", order_id))
            cursor.execute(_TRANSITION, (order_id, "working", "x", "benchmark", "It is over."))
            if number % 500 == 499:
                connection.commit()
        seconds = perf_counter() - begun
        cursor.execute("DROP TABLE bare_orders, bare_transitions")
    return seconds


_TRANSITION = (
    "INSERT INTO bare_transitions (order_id, at, before, after, by, sentence, details)"
    " VALUES (%s, clock_timestamp(), %s, %s, %s, %s, '{}')"
)
