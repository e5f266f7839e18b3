"""Whatever breaks while an order goes out: one entry of each bracket, whole or made safe."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from sqlalchemy import select, text

from backend.core.database import transaction
from backend.executions import reaper
from backend.executions.executor import StrategyExecutor
from backend.executions.models import Execution, LineageRecord, RecordStatus, Status
from backend.executions.verify import verify
from backend.papergateway.faults import FaultKind
from backend.portfolio.orders.desk import DatabaseDesk
from backend.portfolio.orders.models import Order, RoundTrip
from backend.trading.order_state import OrderState
from backend.workflow.outcome import Outcome
from tests.executions.conftest import WorkerKilled, let_lease_run_out
from tests.support.live_engine import Engine, definition, read

ONE_BRACKET: dict[str, Any] = {
    "mode": "trade",
    "signal__targets": [2],
    "risk__max_quantity": 100,
    "orders__order_type": "MKT",
}


class Cutting:
    """A part of the engine whose worker dies just before or just after one of its calls."""

    def __init__(self, part: Any, call: str, *, after: bool, nth: int = 1) -> None:
        self._part, self._call, self._after, self._left = part, call, after, nth

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._part, name)
        if name != self._call:
            return real

        def called(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left:
                return real(*args, **kwargs)
            if self._after:
                real(*args, **kwargs)
            raise WorkerKilled

        return called


def executor(engine: Engine, *, broker: Any = None, desk: Any = None) -> StrategyExecutor:
    broker = broker or engine.tools.broker
    sleep = engine.gateway.control.advance
    made = desk or DatabaseDesk(broker, engine.clock, sleep=sleep)
    return StrategyExecutor(replace(engine.tools, broker=broker, desk=made))


Finish = Callable[[int], tuple[Execution, list[LineageRecord]]]


@pytest.fixture
def finish(engine: Engine, redis_server: str) -> Iterator[Finish]:
    """Run it as the reaper and a new worker do, until it has ended."""
    client = redis.Redis.from_url(redis_server)

    def run(execution_id: int) -> tuple[Execution, list[LineageRecord]]:
        for _ in range(4):
            let_lease_run_out(execution_id)
            executor(engine).run(execution_id)
            execution, records = read(execution_id)
            if execution.status is Status.FINISHED:
                return execution, records
            engine.advance(seconds=20)
            # After a 429 all calls pause for a minute of the machine's time.
            for key in client.scan_iter("glassbox:pacing:*"):
                client.delete(key)
            rest_well(execution_id)
            reaper.resume_parked(engine.tools.broker, engine.clock)
        raise AssertionError(f"It did not end: {execution.status} {execution.reason}")

    yield run
    client.close()


def rest_well(execution_id: int) -> None:
    """A parked execution rests for some seconds of the machine's time."""
    with transaction() as session:
        session.execute(
            text("UPDATE executions SET sent_at = now() - interval '1 hour' WHERE id = :id"),
            {"id": execution_id},
        )


def orders() -> list[Order]:
    with transaction() as session:
        return list(session.scalars(select(Order).order_by(Order.id)))


def books(engine: Engine) -> dict[str, Any]:
    return engine.gateway.control.books()


def assert_one_whole_bracket(engine: Engine, execution: Execution) -> None:
    """One entry that filled, and over the same shares a stop and a target at work."""
    assert execution.outcome is Outcome.ORDERED, execution.reason
    listed = books(engine)["orders"]
    assert len(listed) == 3, listed
    entry, stop, target = orders()
    assert entry.state is OrderState.FILLED
    assert stop.state is OrderState.HELD
    assert target.state is OrderState.WORKING
    assert {order.broker_order_id for order in (entry, stop, target)} == {
        str(row["orderId"]) for row in listed
    }
    assert entry.filled == stop.quantity == target.quantity
    [position] = engine.tools.broker.account_snapshot(entry.account).positions
    assert position.quantity == entry.filled
    with transaction() as session:
        assert session.scalars(select(RoundTrip)).one().entered == entry.filled
        assert verify(session, engine.tools.storage, execution).is_intact


KILLED = [
    ("place", False, 1),
    ("place", True, 1),
    ("reply", False, 1),
    ("reply", True, 1),
    ("reply", False, 3),
    ("reply", True, 3),
    ("orders", False, 1),
    ("orders", True, 1),
    ("fills", True, 1),
    ("preview", True, 1),
]


@pytest.mark.parametrize(("call", "after", "nth"), KILLED)
def test_a_worker_that_dies_at_the_broker(
    engine: Engine, finish: Finish, call: str, after: bool, nth: int
) -> None:
    execution_id = engine.start(engine.save(definition(**ONE_BRACKET)))[0]
    broker = Cutting(engine.tools.broker, call, after=after, nth=nth)
    with pytest.raises(WorkerKilled):
        executor(engine, broker=broker).run(execution_id)
    execution, records = finish(execution_id)
    assert_one_whole_bracket(engine, execution)
    assert any(record.status is RecordStatus.INTERRUPTED for record in records)


@pytest.mark.parametrize(
    ("call", "after"), [("reserve", True), ("place", True), ("reconcile", True)]
)
def test_a_worker_that_dies_between_two_commits(
    engine: Engine, finish: Finish, call: str, after: bool
) -> None:
    execution_id = engine.start(engine.save(definition(**ONE_BRACKET)))[0]
    desk = Cutting(engine.tools.desk, call, after=after)
    with pytest.raises(WorkerKilled):
        executor(engine, desk=desk).run(execution_id)
    assert_one_whole_bracket(engine, finish(execution_id)[0])


BROKEN = [
    (FaultKind.DROP, "iserver/account/*/orders"),
    (FaultKind.DROP_AFTER, "iserver/account/*/orders"),
    (FaultKind.ERROR_AFTER, "iserver/account/*/orders"),
    (FaultKind.RATE_LIMIT, "iserver/account/*/orders"),
    (FaultKind.EMPTY, "iserver/account/*/orders"),
    (FaultKind.DROP_AFTER, "iserver/reply/*"),
    (FaultKind.ERROR_AFTER, "iserver/reply/*"),
    (FaultKind.RATE_LIMIT, "iserver/reply/*"),
    (FaultKind.STALE_REPLY_LIVE, "iserver/reply/*"),
    (FaultKind.STALE_REPLY_LOST, "iserver/reply/*"),
]


@pytest.mark.parametrize(("kind", "path"), BROKEN)
def test_a_connection_that_breaks(
    engine: Engine, finish: Finish, kind: FaultKind, path: str
) -> None:
    engine.gateway.control.add_fault(kind=kind.value, path=path, method="POST", times=1)
    execution_id = engine.start(engine.save(definition(**ONE_BRACKET)))[0]
    executor(engine).run(execution_id)
    assert_one_whole_bracket(engine, finish(execution_id)[0])
