"""
From the signal to the order that the broker has acknowledged: limits, quote, what-if, reservation,
request, questions, answer, everything on record.

Beside it raw httpx makes the very same requests, one after the other with nothing in between, and
psycopg2 as many commits of one row: what lies beyond is ours. The gateway is the paper one on the
same machine, over HTTPS.
"""

import itertools
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from statistics import median
from time import perf_counter
from typing import Any

import httpx
import psycopg2
from sqlalchemy import event
from sqlalchemy.orm import Session

from backend.analysis.rule_based import RuleBasedAnalyst
from backend.brokers.client_portal import ClientPortalBroker
from backend.brokers.client_portal.answers import Answer
from backend.brokers.client_portal.client import Call, GatewayClient
from backend.brokers.pacing import Pacer
from backend.core import redis
from backend.core.settings import settings
from backend.executions.budget import DatabaseBudget
from backend.executions.executor import StrategyExecutor
from backend.executions.journal import DatabaseJournal
from backend.market.service import MarketData
from backend.papergateway.running import RunningGateway, running_gateway
from backend.portfolio.approvals import DatabaseApprovals
from backend.portfolio.orders import sending
from backend.portfolio.orders.desk import DatabaseDesk
from backend.portfolio.safeguards import DatabaseSafeguards
from backend.storage.filesystem import FilesystemStorage
from backend.workflow.outcome import Outcome
from backend.workflow.plan import Plan, live_plan
from backend.workflow.steps import Step, Tools
from benchmarks import stack
from benchmarks.executions import HALF_AN_HOUR_BEFORE_THE_CLOSE

ROUNDS, WARM_UP = 25, 4
GOAL_MS = 60.0
SIGNAL_STEP = "generate_signal"


def run() -> list[dict[str, Any]]:
    """Medians in milliseconds; the goal is what lies beyond the raw requests."""
    with _tools() as (tools, gateway, url):
        watch = _Watch()
        rounds = [_round(watch, tools, gateway, url) for _ in range(ROUNDS + WARM_UP)][WARM_UP:]
    ours, requests, commits = (median(each) * 1e3 for each in zip(*rounds, strict=True))
    beyond = median(total - asked for total, asked, _ in rounds) * 1e3
    return [
        {
            "benchmark": "signal to acknowledged order",
            "ours_ms": round(ours, 1),
            "peer_ms": round(requests + commits, 1),
            "beside": f"raw httpx {requests:.1f} ms ({len(watch.calls)} requests), psycopg2",
            "ratio": round(ours / (requests + commits), 2),
        },
        {
            "benchmark": "... beyond the gateway's requests",
            "ours_ms": round(beyond, 1),
            "peer_ms": round(commits, 1),
            "beside": f"psycopg2, {watch.commits} commits of one row",
            "ratio": round(beyond / commits, 2),
            "goal_ms": GOAL_MS,
        },
    ]


@dataclass
class _Watch:
    """What was asked of the gateway, and how often was committed, between signal and answer."""

    begun: float = 0.0
    ended: float = 0.0
    calls: list[Call] = field(default_factory=list)
    commits: int = 0

    def begin(self) -> None:
        self.begun, self.ended, self.commits = perf_counter(), 0.0, 0
        self.calls.clear()

    @property
    def is_on(self) -> bool:
        return self.begun > 0 and not self.ended

    def end(self) -> None:
        self.ended = self.ended or perf_counter()

    def note(self, call: Call) -> None:
        if self.is_on:
            self.calls.append(call)

    def count(self, _: Session) -> None:
        self.commits += self.is_on


def _round(
    watch: _Watch, tools: Tools, gateway: RunningGateway, url: str
) -> tuple[float, float, float]:
    """Seconds of ours, of the same requests made raw, and of as many raw commits."""
    # The reading of live orders has its own pace of five seconds, and its own share of answers.
    gateway.world.clock.set(gateway.world.clock.now() + timedelta(seconds=1))
    with _watched(watch):
        (execution_id,) = itertools.islice(stack.waiting(tools.clock, _document(), 1), 1)
        plan = live_plan()
        steps = tuple(_from_here(watch, step) for step in plan.steps)
        outcome = StrategyExecutor(tools, Plan(names=plan.names, steps=steps)).run(execution_id)
    if outcome is not Outcome.ORDERED:
        raise RuntimeError(f"Execution {execution_id} ended {outcome}, not ordered.")
    return watch.ended - watch.begun, _ask(watch.calls, gateway), _commit(watch.commits, url)


def _document() -> dict[str, Any]:
    return {
        "name": "Placing",
        "symbols": ["AAPL"],
        "mode": "trade",
        "schedule": {"when": "30 minutes before NYSE close"},
        "charts": [{"timeframe": "1d", "bars": 60, "indicators": ["sma_20", "atr_14"]}],
        "signal": {"source": "rules", "long_when": "close > 0", "targets": [2]},
        "risk": {"sizing": "quantity", "fixed_quantity": 1},
        "orders": {"order_type": "MKT"},
    }


def _from_here(watch: _Watch, step: Step) -> Step:
    if step.name != SIGNAL_STEP:
        return step

    def run(given: Any, tools: Tools) -> Any:
        found = step.run(given, tools)
        watch.begin()
        return found

    return replace(step, run=run)


@contextmanager
def _watched(watch: _Watch) -> Iterator[None]:
    """Until the broker's answer is committed: the look at the whole bracket comes after it."""
    exchange, take = GatewayClient._exchange, sending._take

    def noted_exchange(self: GatewayClient, call: Call) -> tuple[Answer, str]:
        watch.note(call)
        return exchange(self, call)

    def noted_take(*arguments: Any) -> None:
        take(*arguments)
        watch.end()

    GatewayClient._exchange = noted_exchange  # type: ignore[method-assign]
    sending._take = noted_take  # type: ignore[assignment]
    event.listen(Session, "after_commit", watch.count)
    try:
        yield
    finally:
        GatewayClient._exchange = exchange  # type: ignore[method-assign]
        sending._take = take
        event.remove(Session, "after_commit", watch.count)


_names = itertools.count(1)


def _ask(calls: list[Call], gateway: RunningGateway) -> float:
    """The same requests; orders under other client order ids, replies to their own questions."""
    verify = ssl.create_default_context(cafile=str(gateway.certificate))
    with httpx.Client(base_url=gateway.api_url, verify=verify, trust_env=False) as http:
        http.post("/tickle")
        begun, question = perf_counter(), ""
        for call in calls:
            address = f"iserver/reply/{question}" if "reply" in call.address else call.address
            answer = http.request(
                call.endpoint.method, address, params=call.params or None, json=_renamed(call.body)
            )
            found = answer.json() if answer.text.startswith("[{") else []
            question = str(found[0].get("id", question)) if found else question
        return perf_counter() - begun


def _renamed(body: dict[str, Any] | None) -> dict[str, Any] | None:
    orders = (body or {}).get("orders")
    if not orders or "cOID" not in orders[0]:
        return body
    number = next(_names)
    own = {"cOID", "parentId"}
    return {
        "orders": [
            {name: f"{value}-{number}" if name in own else value for name, value in each.items()}
            for each in orders
        ]
    }


def _commit(count: int, url: str) -> float:
    address = url.replace("postgresql+psycopg2", "postgresql")
    with psycopg2.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS bare_rows (id bigserial, document jsonb)")
        connection.commit()
        begun = perf_counter()
        for number in range(count):
            cursor.execute("INSERT INTO bare_rows (document) VALUES (%s)", (f'{{"n": {number}}}',))
            connection.commit()
        return perf_counter() - begun


@contextmanager
def _tools() -> Iterator[tuple[Tools, RunningGateway, str]]:
    with (
        stack.quiet_logs(),
        stack.postgres() as postgres,
        stack.redis(),
        stack.folder() as home,
        running_gateway(now=HALF_AN_HOUR_BEFORE_THE_CLOSE, speed=0, paced=False) as gateway,
    ):
        client, clock = redis.client(), gateway.world.clock

        def pause(seconds: float) -> None:
            clock.set(clock.now() + timedelta(seconds=seconds))

        def open_gates(_: float) -> None:
            for gate in client.scan_iter("glassbox:pacing:gate:*"):
                client.delete(gate)

        broker = ClientPortalBroker(
            base_url=gateway.url,
            certificate=gateway.certificate,
            clock=clock,
            redis=client,
            pacer=Pacer(client, requests_per_second=500, sleep=open_gates),
            sleep=pause,
        )
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
                desk=DatabaseDesk(broker, clock, sleep=pause),
            ),
            gateway,
            postgres.url,
        )
        broker.close()
