"""Market data from the paper gateway through the real broker, kept in a real database."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import redis

from backend.brokers.client_portal import ClientPortalBroker
from backend.brokers.pacing import Pacer
from backend.core import redis as core_redis
from backend.market.service import MarketData
from backend.papergateway.running import RunningGateway, running_gateway

Leap = Callable[[datetime], None]

FRIDAY = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)
"""Half an hour before the close in New York."""


@pytest.fixture(scope="session")
def shared_gateway() -> Iterator[RunningGateway]:
    with running_gateway(now=FRIDAY, speed=0, paced=False) as running:
        yield running


@pytest.fixture
def gateway(shared_gateway: RunningGateway) -> RunningGateway:
    shared_gateway.control.set_clock(FRIDAY)
    shared_gateway.control.reset()
    return shared_gateway


@pytest.fixture
def broker(gateway: RunningGateway, redis_server: str) -> Iterator[ClientPortalBroker]:
    client = redis.Redis.from_url(redis_server, decode_responses=True)
    broker = ClientPortalBroker(
        base_url=gateway.url,
        certificate=gateway.certificate,
        clock=gateway.world.clock,
        redis=client,
        pacer=Pacer(client, requests_per_second=500),
        sleep=gateway.control.advance,
    )
    broker.ensure_session()
    yield broker
    broker.close()
    client.close()


@pytest.fixture
def market(db: str, broker: ClientPortalBroker, gateway: RunningGateway) -> MarketData:
    return MarketData(broker, gateway.world.clock)


@pytest.fixture
def leap_to(gateway: RunningGateway, redis_server: str) -> Leap:
    """Move the gateway's clock on; its session does not mind, and nobody waits for his turn."""

    def leap(moment: datetime) -> None:
        gateway.control.set_clock(moment)
        gateway.control.session("ready")
        core_redis.client().flushdb()

    return leap
