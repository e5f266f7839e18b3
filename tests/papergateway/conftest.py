"""One gateway for the whole room, put back to a Wednesday morning before each test."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from backend.papergateway.running import RunningGateway, running_gateway

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


def open_client(gateway: RunningGateway) -> httpx.Client:
    trusted = ssl.create_default_context(cafile=str(gateway.certificate))
    return httpx.Client(base_url=gateway.api_url, verify=trusted, trust_env=False, timeout=15)


@pytest.fixture
def client(gateway: RunningGateway) -> Iterator[httpx.Client]:
    """A plain HTTP client that pins the gateway's certificate."""
    with open_client(gateway) as client:
        yield client


@pytest.fixture
def primed(client: httpx.Client) -> httpx.Client:
    """The same after both account lists were read, as every client has to."""
    client.get("/iserver/accounts")
    client.get("/portfolio/accounts")
    return client
