"""IBKR's limits and what happens to those who break them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.clock import ManualClock
from backend.papergateway.pacing import GRACE, Pacing
from backend.papergateway.running import RunningGateway

NOON = datetime(2026, 11, 18, 17, tzinfo=UTC)


@pytest.fixture
def paced(gateway: RunningGateway) -> Iterator[RunningGateway]:
    gateway.world.pacing.enabled = True
    yield gateway
    gateway.control.reset()


def test_the_eleventh_request_of_a_second_boxes_its_sender_for_ten_minutes(
    paced: RunningGateway, client: httpx.Client
) -> None:
    paced.control.run_at(0.001)
    answers = [client.post("/iserver/auth/status") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert answers[-1].json()["error"].startswith("Too many requests")
    paced.control.advance(599)
    assert client.get("/portfolio/accounts").status_code == 429
    paced.control.advance(2)
    assert client.get("/portfolio/accounts").status_code == 200


@pytest.mark.parametrize(
    ("path", "seconds"),
    [("/tickle", 1), ("/portfolio/accounts", 5), ("/iserver/account/orders", 5)],
)
def test_endpoints_have_intervals_of_their_own(
    paced: RunningGateway, client: httpx.Client, path: str, seconds: int
) -> None:
    paced.control.run_at(0.001)
    client.get(path)
    paced.control.advance(seconds)
    assert client.get(path).status_code != 429
    paced.control.advance(seconds / 2)
    assert client.get(path).status_code == 429


def test_a_sixth_history_at_a_time_is_refused(paced: RunningGateway, primed: httpx.Client) -> None:
    paced.control.add_fault("delay", "iserver/marketdata/history", seconds=0.6)
    query = {"conid": "265598", "period": "5d", "bar": "1d"}
    with ThreadPoolExecutor(6) as pool:
        asked = [
            pool.submit(primed.get, "/iserver/marketdata/history", params=query) for _ in range(6)
        ]
        assert sorted(each.result().status_code for each in asked) == [200] * 5 + [429]


def test_the_request_log_counts_every_path(gateway: RunningGateway, client: httpx.Client) -> None:
    for _ in range(3):
        client.post("/tickle")
    client.get("/iserver/marketdata/snapshot", params={"conids": "265598", "fields": "31"})
    assert gateway.control.counts() == {"tickle": 3, "iserver/marketdata/snapshot": 1}
    last = gateway.control.requests()[-1]
    assert (last["method"], last["status"], last["query"]) == (
        "GET",
        400,
        "conids=265598&fields=31",
    )


@given(st.lists(st.floats(0, 0.4), min_size=1, max_size=60))
def test_no_second_holds_more_than_ten_admitted_requests(waits: list[float]) -> None:
    clock = ManualClock(NOON)
    pacing = Pacing(clock)
    admitted: list[datetime] = []
    for wait in waits:
        clock.advance(seconds=wait)
        refused = pacing.refuse("GET", "trsrv/stocks") is not None
        recent = [at for at in admitted if clock.now() - at < timedelta(seconds=1 - GRACE)]
        assert refused is (len(recent) >= 10)
        if refused:
            return
        admitted.append(clock.now())
