"""One gateway for the whole room, put back to a Wednesday morning before each test."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from backend.papergateway.running import RunningGateway, running_gateway
from tests.papergateway.trader import Trader

WEDNESDAY = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
"""An hour after the bell in New York."""


@pytest.fixture(scope="session")
def room() -> Iterator[RunningGateway]:
    with running_gateway(now=WEDNESDAY, paced=False) as gateway:
        yield gateway


@pytest.fixture
def gateway(room: RunningGateway) -> RunningGateway:
    room.control.run_at(1)
    room.control.set_clock(WEDNESDAY)
    room.control.reset()
    return room


@pytest.fixture(scope="session")
def trusted(room: RunningGateway) -> ssl.SSLContext:
    """Pins the gateway's certificate."""
    return ssl.create_default_context(cafile=str(room.certificate))


@pytest.fixture
def client(gateway: RunningGateway, trusted: ssl.SSLContext) -> Iterator[httpx.Client]:
    """A plain HTTP client."""
    with httpx.Client(
        base_url=gateway.api_url, verify=trusted, trust_env=False, timeout=15
    ) as client:
        yield client


@pytest.fixture
def primed(client: httpx.Client) -> httpx.Client:
    """The same after both account lists were read, as every client has to."""
    client.get("/iserver/accounts")
    client.get("/portfolio/accounts")
    return client


@pytest.fixture
def trader(primed: httpx.Client, gateway: RunningGateway) -> Trader:
    return Trader(primed, gateway)
