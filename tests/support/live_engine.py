"""
The whole engine on real parts, for tests: a paper gateway over HTTPS, the real broker with a real
Redis, a real database, files on disk, and no browser. The clock stands still, but for the broker's
own pauses.

Loaded as a pytest plugin by `tests/conftest.py`.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from sqlalchemy import select

from backend.analysis.rule_based import RuleBasedAnalyst
from backend.brokers.client_portal import ClientPortalBroker
from backend.brokers.pacing import Pacer
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.settings import settings
from backend.executions import dispatch
from backend.executions.budget import DatabaseBudget
from backend.executions.executor import StrategyExecutor
from backend.executions.journal import DatabaseJournal
from backend.executions.models import Execution, LineageRecord, Trigger
from backend.market.service import MarketData
from backend.papergateway.running import RunningGateway, running_gateway
from backend.portfolio.approvals import DatabaseApprovals
from backend.portfolio.orders.desk import DatabaseDesk
from backend.portfolio.safeguards import DatabaseSafeguards
from backend.storage.filesystem import FilesystemStorage
from backend.strategies import prompts
from backend.strategies import service as strategies
from backend.strategies.models import Strategy
from backend.workflow.steps import Tools

FRIDAY = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)
"""Half an hour before the close in New York."""

_EXAMPLE = Path(__file__).parents[2] / "database" / "seed" / "example_strategy.yaml"

RULES_ONLY: dict[str, Any] = {
    "name": "Always long",
    "symbols": ["AAPL"],
    "schedule": {"when": "30 minutes before NYSE close"},
    "charts": [{"timeframe": "1d", "bars": 60, "indicators": ["sma_20", "atr_14"]}],
    "signal": {"source": "rules", "long_when": "close > 0"},
}
"""The smallest strategy that ends with an order plan."""


def example() -> dict[str, Any]:
    """The strategy that comes with Glassbox: two timeframes, rules joined with the view."""
    document: dict[str, Any] = yaml.safe_load(_EXAMPLE.read_text())
    return document


def definition(**changes: Any) -> dict[str, Any]:
    """`RULES_ONLY` with changes; dotted names reach inside, as in `risk__max_quantity=1`."""
    document = copy.deepcopy(RULES_ONLY)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = document
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return document


@dataclass
class Engine:
    """What a test drives: strategies, executions, and the world that they run in."""

    tools: Tools
    gateway: RunningGateway

    @property
    def clock(self) -> Clock:
        return self.tools.clock

    @property
    def executor(self) -> StrategyExecutor:
        return StrategyExecutor(self.tools)

    def with_tools(self, **changes: Any) -> "Engine":
        return replace(self, tools=replace(self.tools, **changes))

    def advance(self, **by: float) -> None:
        """Move the gateway's clock on, which is the engine's too."""
        self.gateway.world.clock.set(self.clock.now() + timedelta(**by))

    def save(self, document: dict[str, Any] | None = None, *, is_enabled: bool = False) -> Strategy:
        with transaction() as session:
            prompts.add_defaults(session, self.clock)
            return strategies.create(
                session,
                self.clock,
                document=definition() if document is None else document,
                author="test",
                is_enabled=is_enabled,
            )

    def start(self, strategy: Strategy, symbols: list[str] | None = None) -> list[int]:
        """As a person does; nothing runs yet, since no worker listens."""
        with transaction() as session:
            return dispatch.start(
                session,
                self.clock,
                strategies.get(session, strategy.id),
                symbols=symbols,
                trigger=Trigger.API,
                requested_by="test",
            )

    def run(self, document: dict[str, Any] | None = None) -> tuple[Execution, list[LineageRecord]]:
        """Save a strategy, start it for its first symbol and run it to its end."""
        execution_id = self.start(self.save(document))[0]
        self.executor.run(execution_id)
        return read(execution_id)


def read(execution_id: int) -> tuple[Execution, list[LineageRecord]]:
    with transaction() as session:
        execution = session.get_one(Execution, execution_id)
        records = select(LineageRecord).where(LineageRecord.execution_id == execution_id)
        return execution, list(session.scalars(records.order_by(LineageRecord.sequence)))


@pytest.fixture(scope="session")
def standing_gateway() -> Iterator[RunningGateway]:
    with running_gateway(now=FRIDAY, speed=0, paced=False) as running:
        yield running


@contextmanager
def engine_on(gateway: RunningGateway, redis_url: str, folder: Path) -> Iterator[Engine]:
    """An engine at `FRIDAY`, on a gateway as if it had just been started."""
    gateway.control.set_clock(FRIDAY)
    gateway.control.reset()
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    client.flushdb()
    clock = gateway.world.clock
    broker = ClientPortalBroker(
        base_url=gateway.url,
        certificate=gateway.certificate,
        clock=clock,
        redis=client,
        pacer=Pacer(client, requests_per_second=500, sleep=lambda _: _open_gates(client)),
        sleep=gateway.control.advance,
    )
    budget = DatabaseBudget(clock)
    tools = Tools(
        clock=clock,
        broker=broker,
        market=MarketData(broker, clock),
        storage=FilesystemStorage(folder),
        renderer=None,
        analyst=RuleBasedAnalyst.create(settings(), budget=budget, cache=None),
        budget=budget,
        journal=DatabaseJournal(),
        safeguards=DatabaseSafeguards(),
        approvals=DatabaseApprovals(clock),
        desk=DatabaseDesk(broker, clock, sleep=gateway.control.advance),
    )
    try:
        yield Engine(tools, gateway)
    finally:
        broker.close()
        client.close()


def _open_gates(client: "redis.Redis") -> None:
    """Instead of waiting for a turn: nobody else is there to be fair to."""
    for gate in client.scan_iter("glassbox:pacing:gate:*"):
        client.delete(gate)


@pytest.fixture
def engine(
    db: str, redis_server: str, standing_gateway: RunningGateway, tmp_path: Path
) -> Iterator[Engine]:
    with engine_on(standing_gateway, redis_server, tmp_path / "artifacts") as made:
        yield made


@pytest.fixture
def set_env(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Change settings by their environment variables, for one test."""

    def change(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()

    yield change
    monkeypatch.undo()
    settings.cache_clear()
