"""A whole execution of the example strategy, no network waits: real steps, records and files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backend.analysis.rule_based import RuleBasedAnalyst
from backend.brokers.client_portal import ClientPortalBroker
from backend.charts import Renderer
from backend.core import redis
from backend.core.clock import ManualClock
from backend.core.hashing import sha256_hex
from backend.core.settings import settings
from backend.executions import leases
from backend.executions.budget import DatabaseBudget
from backend.executions.executor import StrategyExecutor
from backend.executions.facts import FirstFacts
from backend.executions.journal import DatabaseJournal
from backend.market.service import MarketData
from backend.papergateway.running import RunningGateway, running_gateway
from backend.portfolio.approvals import DatabaseApprovals
from backend.portfolio.orders.desk import DatabaseDesk
from backend.portfolio.safeguards import DatabaseSafeguards
from backend.storage.filesystem import FilesystemStorage
from backend.workflow import engine
from backend.workflow.outcome import Outcome
from backend.workflow.plan import live_plan
from backend.workflow.steps import Tools
from benchmarks import stack
from benchmarks.indicators import interleaved

ROUNDS = 15
ROUNDS_WITH_PNG = 8
WARM_UP = 3

HALF_AN_HOUR_BEFORE_THE_CLOSE = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)


def run() -> list[dict[str, Any]]:
    """
    Medians in milliseconds, for two timeframes of seven indicators each and the rule-based analyst.

    Beside it the same steps run with nothing recorded: no database, files kept in memory.
    """
    renderer = Renderer()
    try:
        with remembered_tools() as (tools, home, _):
            return [
                _measure(tools, home, ROUNDS) | {"goal_ms": 150},
                _measure(replace(tools, renderer=renderer), home, ROUNDS_WITH_PNG)
                | {"goal_ms": 1500},
            ]
    finally:
        renderer.close()


def _measure(tools: Tools, home: Path, rounds: int) -> dict[str, Any]:
    count = rounds + WARM_UP + 1
    ids = stack.waiting(tools.clock, document(), count)
    calls = (recorded(tools, home, ids), _in_memory(tools, next(ids)))
    interleaved(WARM_UP, *calls)
    ours, steps = interleaved(rounds, *calls)
    return {
        "benchmark": f"a whole execution, {'with PNGs' if tools.renderer else 'without PNGs'}",
        "ours_ms": round(ours * 1e3, 1),
        "beside": "the same steps, nothing recorded",
        "peer_ms": round(steps * 1e3, 1),
        "ratio": round(ours / steps, 2),
    }


def document() -> dict[str, Any]:
    """The example, which follows the view where its rules are silent: no step is spared."""
    example = stack.example()
    signal = example["signal"] | {"source": "either", "allow_short": True}
    return example | {"signal": signal}


def recorded(tools: Tools, home: Path, ids: Iterator[int]) -> Callable[[], None]:
    """Each into an empty folder: every artifact is written and synced, as on a new day."""

    def execute() -> None:
        execution_id = next(ids)
        storage = FilesystemStorage(home / str(execution_id))
        outcome = StrategyExecutor(replace(tools, storage=storage)).run(execution_id)
        if outcome is not Outcome.OBSERVED:
            raise RuntimeError(f"Execution {execution_id} ended {outcome}, not observed.")

    return execute


def _in_memory(tools: Tools, execution_id: int) -> Callable[[], None]:
    plan = live_plan()
    lease = leases.take(execution_id, first_step=plan.names[0], now=tools.clock.now())
    assert lease is not None
    facts = FirstFacts().of(lease)
    outside: dict[str, Any] = {
        name: _Remembered(getattr(tools, name))
        for name in ("market", "journal", "safeguards", "budget")
    }

    def execute() -> None:
        results = engine.run(plan.steps, facts, replace(tools, storage=_Memory(), **outside))
        *_, last = results
        if last.outcome is not Outcome.OBSERVED:
            raise RuntimeError(f"{last.step}: {last.sentence}")

    return execute


@contextmanager
def remembered_tools() -> Iterator[tuple[Tools, Path, RunningGateway]]:
    """
    Real tools, whose broker answers from memory what the paper gateway told it once; the folder of
    their artifacts, and that gateway.
    """
    clock = ManualClock(HALF_AN_HOUR_BEFORE_THE_CLOSE)
    with (
        stack.quiet_logs(),
        stack.postgres(),
        stack.redis(),
        stack.folder() as home,
        running_gateway(now=clock.now(), speed=0, paced=False) as gateway,
    ):
        real = ClientPortalBroker(
            base_url=gateway.url,
            certificate=gateway.certificate,
            clock=clock,
            redis=redis.client(),
        )
        broker: Any = _Remembered(real)
        budget = DatabaseBudget(clock)
        yield (
            Tools(
                clock=clock,
                broker=broker,
                market=MarketData(broker, clock),
                storage=FilesystemStorage(home),
                renderer=None,
                analyst=RuleBasedAnalyst.create(settings(), budget=budget, cache=None),
                budget=budget,
                journal=DatabaseJournal(),
                safeguards=DatabaseSafeguards(),
                approvals=DatabaseApprovals(clock),
                desk=DatabaseDesk(broker, clock),
            ),
            home,
            gateway,
        )
        real.close()


class _Remembered:
    """Every method of something else; the same question is asked once and answered ever after."""

    def __init__(self, real: object) -> None:
        self._real = real
        self._answers: dict[Any, Any] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(*arguments: Any, **named: Any) -> Any:
            question = (name, arguments, tuple(named.items()))
            if question not in self._answers:
                self._answers[question] = getattr(self._real, name)(*arguments, **named)
            return self._answers[question]

        return ask


class _Memory:
    """Storage without a disk."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        sha256 = sha256_hex(data)
        self._kept[sha256] = data
        return sha256

    def get(self, sha256: str) -> bytes:
        return self._kept[sha256]

    def check(self) -> None:
        return None
