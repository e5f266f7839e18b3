"""
Pages over 1,000,000 lineage records of 77,000 executions, as `glassbox up` serves them.

Each request is timed by its client on loopback, from sending until the last byte: server time, and
what HTTP adds. Beside it a request that does nothing (`/health/live`), in turns with the page's.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

from backend.core.clock import SystemClock
from backend.executions.executor import StrategyExecutor
from backend.papergateway.running import RunningGateway
from backend.storage.filesystem import FilesystemStorage
from benchmarks import seeding, stack, web
from benchmarks.executions import remembered_tools

EXECUTIONS = 77_000
RECORDS = 13
ROUNDS = 200
WARM_UP = 20
GOAL_MS = {"/": 50, "/executions": 50, "/executions/{id}": 50}
PATHS: tuple[str, ...] = (
    *("/", "/executions", "/executions/{id}", "/executions?outcome=failed"),
    *("/executions/{id}/replay", "/strategies", "/strategies/1", "/strategies/new", "/decisions"),
    *("/decisions?symbol=AAPL&action=BUY", "/prompts", "/prompts/chart", "/market", "/system"),
)
OVERVIEW_GOAL_KB = 150


def run() -> list[dict[str, Any]]:
    """The 95th percentile in milliseconds; the overview's weight, compressed, in kilobytes."""
    with remembered_tools() as (tools, home, gateway):
        seeding.seed(SystemClock(), executions=EXECUTIONS, records_per_execution=RECORDS)
        artifacts = FilesystemStorage(home / "artifacts")
        execution_id = next(stack.waiting(tools.clock, stack.example(), 1))
        StrategyExecutor(replace(tools, storage=artifacts)).run(execution_id)
        with _served(home, gateway) as client:
            rows = [_page(client, path, execution_id) for path in PATHS]
            return [*rows, _weight(client)]


@contextmanager
def _served(home: Path, gateway: RunningGateway) -> Iterator[httpx.Client]:
    """A web process of its own, and a client who is signed in to it."""
    with (
        web.served(
            GLASSBOX_HOME=str(home),
            IBKR_GATEWAY_URL=gateway.url,
            IBKR_GATEWAY_CERTIFICATE=str(gateway.certificate),
        ) as served,
        httpx.Client(base_url=served.address, cookies=served.cookies, timeout=60) as client,
    ):
        yield client


def _page(client: httpx.Client, path: str, execution_id: int) -> dict[str, Any]:
    address = path.replace("{id}", str(execution_id))
    pages, nothing = [], []
    for number in range(WARM_UP + ROUNDS):
        taken = _timed(client, address), _timed(client, "/health/live")
        if number >= WARM_UP:
            pages.append(taken[0])
            nothing.append(taken[1])
    row: dict[str, Any] = {
        "benchmark": path,
        "ours_ms": round(quantiles(pages, n=20)[-1], 1),
        "median_ms": round(median(pages), 1),
        "beside": "a request that does nothing",
        "peer_ms": round(quantiles(nothing, n=20)[-1], 1),
    }
    row["ratio"] = round(row["ours_ms"] / row["peer_ms"], 1)
    return row | ({"goal_ms": GOAL_MS[path]} if path in GOAL_MS else {})


def _timed(client: httpx.Client, address: str) -> float:
    begun = time.perf_counter()
    response = client.get(address)
    taken = (time.perf_counter() - begun) * 1e3
    if response.status_code != 200:
        raise RuntimeError(f"{address} answered {response.status_code}: {response.text[:300]}")
    return taken


def _weight(client: httpx.Client) -> dict[str, Any]:
    """The overview with every asset that it names, as they travel: compressed."""
    page = client.get("/")
    assets = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text))
    sizes = {address: _compressed(client.get(address)) for address in assets}
    if any("plotly" in address for address in sizes):
        raise RuntimeError("The overview loads Plotly, and shows no chart.")
    return {
        "benchmark": "the overview's weight with all assets",
        "ours_kb": round((_compressed(page) + sum(sizes.values())) / 1024, 1),
        "goal_kb": OVERVIEW_GOAL_KB,
        "assets": {address: size for address, size in sorted(sizes.items())},
    }


def _compressed(response: httpx.Response) -> int:
    """Bytes of the body on the wire."""
    return response.num_bytes_downloaded
