"""The limits as the gateway sees them: IBKR's own, enforced, with a penalty box."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from backend.brokers.client_portal import ClientPortalBroker
from backend.core.values import Timeframe
from backend.papergateway.running import RunningGateway, running_gateway
from tests.brokers.one_of_ten_workers import AAPL, work

PER_SECOND = 8


@pytest.fixture
def strict_gateway() -> Iterator[RunningGateway]:
    with running_gateway() as gateway:
        yield gateway


def busiest_second(gateway: RunningGateway) -> int:
    times: list[int] = sorted(
        item["at_ms"] for item in gateway.control.requests() if item["path"] != "tickle"
    )
    return max(sum(start <= time < start + 1000 for time in times) for start in times)


def test_ten_processes_together_stay_inside_the_limits(
    strict_gateway: RunningGateway,
    redis_client: "redis.Redis",
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert strict_gateway.certificate is not None
    # The fork server has its own search path; without this, ten processes import all by themselves.
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.brokers.one_of_ten_workers"])
    with ProcessPoolExecutor(10, mp_context=context) as processes:
        jobs = [
            processes.submit(work, strict_gateway.url, strict_gateway.certificate, redis_url)
            for _ in range(10)
        ]
        assert [job.result() for job in jobs] == [5] * 10
    requests = strict_gateway.control.requests()
    assert {item["status"] for item in requests} == {200}
    assert len(requests) >= 40
    assert busiest_second(strict_gateway) <= PER_SECOND
    assert strict_gateway.control.state()["pacing"]["refusals"] == 0


def test_ten_threads_never_have_more_than_four_histories_under_way(
    strict_gateway: RunningGateway, redis_client: "redis.Redis"
) -> None:
    strict_gateway.control.add_fault("delay", "iserver/marketdata/history", seconds=0.2)
    broker = ClientPortalBroker(
        base_url=strict_gateway.url,
        clock=strict_gateway.world.clock,
        redis=redis_client,
        certificate=strict_gateway.certificate,
    )
    end = strict_gateway.world.now() - timedelta(days=1)

    def fetch(_: int) -> int:
        start = end - timedelta(days=60)
        return len(broker.history(AAPL, Timeframe.DAY, start=start, end=end).bars)

    with ThreadPoolExecutor(10) as threads:
        assert min(threads.map(fetch, range(10))) > 30
    broker.close()
    requests = strict_gateway.control.requests()
    assert {item["status"] for item in requests} == {200}
    finished = sorted(item["at_ms"] for item in requests)
    # Each takes 200 ms: more than four that end within 190 ms would have run side by side.
    assert max(sum(at <= other < at + 190 for other in finished) for at in finished) <= 4
