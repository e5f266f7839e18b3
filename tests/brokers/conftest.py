"""The paper gateway over HTTPS, and the broker that talks to it, without waiting for real time."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from backend.brokers.client_portal import ClientPortalBroker
from backend.brokers.pacing import Pacer
from backend.core.clock import SystemClock
from backend.papergateway.running import RunningGateway, running_gateway
from tests.brokers.stub_gateway import StubGateway

pytest.register_assert_rewrite("tests.brokers.broker_contract")

TRADING_HOURS = datetime(2026, 3, 11, 15, 0, tzinfo=UTC)
"""A Wednesday, eleven in the morning in New York."""

MakeBroker = Callable[..., ClientPortalBroker]


@pytest.fixture
def redis_client(redis_url: str) -> Iterator["redis.Redis"]:
    """Redis without a memory of earlier tests."""
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture(scope="session")
def shared_gateway() -> Iterator[RunningGateway]:
    with running_gateway(now=TRADING_HOURS, paced=False) as running:
        yield running


@pytest.fixture
def gateway(shared_gateway: RunningGateway) -> RunningGateway:
    """As if it had just been started, on a Wednesday in trading hours."""
    shared_gateway.control.set_clock(TRADING_HOURS)
    shared_gateway.control.reset()
    return shared_gateway


@pytest.fixture
def quick_pacer(redis_client: "redis.Redis") -> Pacer:
    """Its tokens never run out, and instead of waiting at a gate it opens the gates."""

    def open_gates(_: float) -> None:
        for gate in redis_client.scan_iter("glassbox:pacing:gate:*"):
            redis_client.delete(gate)

    return Pacer(redis_client, requests_per_second=500, sleep=open_gates)


@pytest.fixture
def make_broker(
    gateway: RunningGateway, redis_client: "redis.Redis", quick_pacer: Pacer
) -> Iterator[MakeBroker]:
    """Pauses move the gateway's clock on instead of taking time."""
    with ExitStack() as stack:

        def make(**changes: Any) -> ClientPortalBroker:
            chosen: dict[str, Any] = {
                "base_url": gateway.url,
                "certificate": gateway.certificate,
                "clock": gateway.world.clock,
                "redis": redis_client,
                "pacer": quick_pacer,
                "sleep": gateway.control.advance,
            }
            broker = ClientPortalBroker(**{**chosen, **changes})
            stack.callback(broker.close)
            return broker

        yield make


@pytest.fixture
def broker(make_broker: MakeBroker) -> ClientPortalBroker:
    return make_broker()


@pytest.fixture
def stub() -> Iterator[StubGateway]:
    """A loopback server with answers as IBKR was seen to give them, for what paper lacks."""
    with StubGateway() as server:
        yield server


@pytest.fixture
def stub_broker(
    stub: StubGateway, redis_client: "redis.Redis", quick_pacer: Pacer
) -> Iterator[ClientPortalBroker]:
    broker = ClientPortalBroker(
        base_url=stub.url,
        clock=SystemClock(),
        redis=redis_client,
        pacer=quick_pacer,
        sleep=lambda seconds: None,
    )
    yield broker
    broker.close()
