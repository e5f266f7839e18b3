"""
Two hundred open pages on one web process, each of which follows an execution to its end.

Steps that do nothing but take a tenth of a second run on four threads beside it, as in a worker.
The readers, the threads and the web process share the machine, so a reader's own delay counts too.
"""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from statistics import median, quantiles
from typing import Any

import httpx
import orjson
from sqlalchemy import select

from backend.core.clock import SystemClock
from backend.core.database import transaction
from backend.core.outbox import outbox
from backend.executions.executor import StrategyExecutor
from backend.executions.models import LineageRecord
from backend.papergateway.running import running_gateway
from backend.workflow.plan import STEP_NAMES, Plan
from backend.workflow.steps import Step, Tools
from backend.workflow.steps.base import StepData
from benchmarks import noop, stack, web

PAGES = 200
EXECUTIONS = 20
THREADS = 4
STEP_SECONDS = 0.1
GOAL_P95_MS = 1_000


@dataclass
class Reader:
    """`told_at[n]` is when the page first knew record n, by the epoch; `steps` what it showed."""

    execution_id: int
    told_at: dict[int, float] = field(default_factory=dict)
    steps: set[str] = field(default_factory=set)
    is_done: bool = False

    def hear(self, kind: str, id: str, data: str) -> None:
        if kind == "parts":
            for sequence in range(int(id)):
                self.told_at.setdefault(sequence, time.time())
            self.steps |= {name.removeprefix("step-") for name in orjson.loads(data)}
        self.is_done = self.is_done or kind == "done"


def run() -> list[dict[str, Any]]:
    """Milliseconds from a record's moment until a page knows it; pages that missed any record."""
    with (
        stack.quiet_logs(),
        stack.postgres(),
        stack.redis(),
        stack.folder() as home,
        running_gateway(now=SystemClock().now()) as gateway,
        web.served(
            GLASSBOX_HOME=str(home),
            IBKR_GATEWAY_URL=gateway.url,
            IBKR_GATEWAY_CERTIFICATE=str(gateway.certificate),
        ) as served,
    ):
        ids = stack.waiting(SystemClock(), stack.example(), EXECUTIONS)
        readers = [Reader(next(ids)) for _ in range(EXECUTIONS)]
        readers += [Reader(each.execution_id) for each in readers * (PAGES // EXECUTIONS - 1)]
        before = served.pss_mb
        with _working([each.execution_id for each in readers[:EXECUTIONS]]) as begin:
            during = asyncio.run(_read(served, readers, begin))
        return _rows(readers, before, during)


def _rows(readers: list[Reader], before: float, during: float) -> list[dict[str, Any]]:
    latencies = _latencies(readers)
    missed = sum(
        not (
            each.is_done and len(each.told_at) == len(STEP_NAMES) and each.steps >= set(STEP_NAMES)
        )
        for each in readers
    )
    if missed:
        raise RuntimeError(f"{missed} of {len(readers)} pages missed something.")
    return [
        {
            "benchmark": f"{len(readers)} open pages, record to page, p95",
            "ours_ms": round(quantiles(latencies, n=20)[-1], 1),
            "median_ms": round(median(latencies), 1),
            "missed": missed,
            "goal_ms": GOAL_P95_MS,
        },
        {
            "benchmark": "the web process with them open",
            "ours_mb": round(during),
            "beside": "the same without any page",
            "peer_mb": round(before),
            "ratio": round(during / before, 2),
        },
    ]


def _latencies(readers: list[Reader]) -> list[float]:
    query = select(LineageRecord.execution_id, LineageRecord.sequence, LineageRecord.recorded_at)
    with transaction() as session:
        recorded = {(row[0], row[1]): row[2].timestamp() for row in session.execute(query)}
    return [
        (told - recorded[each.execution_id, sequence]) * 1e3
        for each in readers
        for sequence, told in each.told_at.items()
    ]


@contextmanager
def _working(ids: list[int]) -> Iterator[Any]:
    """A function that starts to run the executions, as a worker's threads do."""
    executor = _executor()
    with ThreadPoolExecutor(THREADS) as pool:
        yield lambda: [pool.submit(executor.run, each) for each in ids]
    outbox.flush(5)


def _executor() -> StrategyExecutor:
    """Thirteen steps under the names that the page shows."""
    made = noop.executor(len(STEP_NAMES))
    steps = tuple(
        _taking_its_time(replace(step, name=name))
        for step, name in zip(made.plan.steps, STEP_NAMES, strict=True)
    )
    made.plan = Plan(names=STEP_NAMES, steps=steps)
    return made


def _taking_its_time(step: Step) -> Step:
    def run(given: Any, tools: Tools) -> StepData:
        time.sleep(STEP_SECONDS)
        return step.run(given, tools)

    return replace(step, run=run)


async def _read(served: web.Web, readers: list[Reader], begin: Any) -> float:
    """Open all pages, let the work begin, and wait for every end; returns megabytes meanwhile."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=served.address, cookies=served.cookies, timeout=120, limits=limits
    ) as client:
        opened = asyncio.Semaphore(0)
        following = [asyncio.create_task(_follow(client, each, opened)) for each in readers]
        for _ in readers:
            await opened.acquire()
        begin()
        await asyncio.sleep(STEP_SECONDS * len(STEP_NAMES))
        during = served.pss_mb
        await asyncio.gather(*following)
        return during


async def _follow(client: httpx.AsyncClient, reader: Reader, opened: asyncio.Semaphore) -> None:
    async with client.stream("GET", f"/executions/{reader.execution_id}/live?known=0") as answer:
        answer.raise_for_status()
        opened.release()
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            fields[name] = value
            if not line and "event" in fields:
                reader.hear(fields["event"], fields.get("id", ""), fields["data"])
                fields = {}
