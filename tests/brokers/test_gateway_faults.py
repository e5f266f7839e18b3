"""The gateway at its worst: each fault ends in the right error, after the right number of tries."""

from typing import Any

import pytest
import redis

from backend.brokers.base import SessionStatus
from backend.brokers.client_portal import ClientPortalBroker, endpoints
from backend.brokers.client_portal.answers import Outcome
from backend.brokers.client_portal.client import Call, GatewayClient
from backend.brokers.pacing import Pacer, read_metrics
from backend.core.errors import NotFound, OutsideError, SessionDown, TemporaryError
from backend.papergateway.running import RunningGateway
from tests.brokers.conftest import MakeBroker

AAPL = 265598
INFO = f"iserver/contract/{AAPL}/info"


@pytest.mark.parametrize(
    ("fault", "error", "code", "tries"),
    [
        ({"kind": "error", "status": 503}, TemporaryError, "gateway_unavailable", 4),
        ({"kind": "error", "status": 500}, TemporaryError, "gateway_unavailable", 4),
        ({"kind": "html", "status": 200}, TemporaryError, "bad_answer", 4),
        ({"kind": "empty"}, TemporaryError, "bad_answer", 4),
        ({"kind": "drop"}, TemporaryError, "gateway_unavailable", 4),
        ({"kind": "drop_after"}, TemporaryError, "gateway_unavailable", 4),
        ({"kind": "stall", "seconds": 0.01}, TemporaryError, "gateway_unavailable", 4),
        ({"kind": "delay", "seconds": 0.3}, TemporaryError, "timeout", 4),
        ({"kind": "error_200"}, OutsideError, "rejected", 1),
        ({"kind": "rate_limit"}, TemporaryError, "rate_limited", 1),
        ({"kind": "fake_401"}, SessionDown, "logged_out", 1),
    ],
)
def test_each_fault_of_the_gateway_becomes_its_error(
    make_broker: MakeBroker,
    gateway: RunningGateway,
    fault: dict[str, Any],
    error: type[OutsideError],
    code: str,
    tries: int,
) -> None:
    broker = make_broker(read_seconds=0.1)
    gateway.control.add_fault(path=INFO, **fault)
    with pytest.raises(error) as caught:
        broker.contract(AAPL)
    assert (type(caught.value), caught.value.code) == (error, code)
    assert gateway.control.faults()[0]["fired"] == tries


@pytest.mark.parametrize("kind", ["error", "html", "empty", "drop"])
def test_a_read_survives_three_failures_in_a_row(
    broker: ClientPortalBroker, gateway: RunningGateway, kind: str
) -> None:
    status = {"error": 503, "html": 200}.get(kind)
    rest = {"status": status} if status else {}
    gateway.control.add_fault(kind, INFO, times=3, **rest)
    assert broker.contract(AAPL).symbol == "AAPL"


def test_what_is_not_a_read_is_never_sent_twice(
    gateway: RunningGateway, redis_client: "redis.Redis"
) -> None:
    client = GatewayClient(gateway.url, Pacer(redis_client), certificate=gateway.certificate)
    gateway.control.add_fault("drop_after", "iserver/auth/ssodh/init")
    answer = client.send(Call(endpoint=endpoints.INIT, body={"compete": False}, retries=0))
    client.close()
    assert answer.outcome is Outcome.TRANSIENT
    assert gateway.control.counts()["iserver/auth/ssodh/init"] == 1


def test_pauses_between_tries_grow_and_differ(
    make_broker: MakeBroker, gateway: RunningGateway
) -> None:
    pauses: list[float] = []
    gateway.control.add_fault("error", INFO, status=503)
    with pytest.raises(TemporaryError):
        make_broker(sleep=pauses.append).contract(AAPL)
    assert [low <= pause <= 2 * low for low, pause in zip((0.5, 1, 2), pauses, strict=True)] == [
        True
    ] * 3


def test_after_a_429_no_worker_calls_any_more(
    make_broker: MakeBroker, gateway: RunningGateway
) -> None:
    first, second = make_broker(), make_broker()
    gateway.control.add_fault("rate_limit", INFO)
    for broker in (first, second, first):
        with pytest.raises(TemporaryError) as caught:
            broker.contract(AAPL)
        assert caught.value.code == "rate_limited"
    # Not all requests since the reset: one that a test before gave up may be counted late.
    assert gateway.control.faults()[0]["fired"] == 1


def test_a_gateway_that_is_not_there_is_a_session_that_is_down(make_broker: MakeBroker) -> None:
    broker = make_broker(base_url="https://127.0.0.1:1")
    session = broker.session()
    assert session.status is SessionStatus.UNREACHABLE
    assert "127.0.0.1:1" in session.detail
    with pytest.raises(SessionDown) as caught:
        broker.search("AAPL")
    assert caught.value.code == "unreachable"


def test_a_401_for_an_account_is_not_the_end_of_the_session(
    broker: ClientPortalBroker, gateway: RunningGateway
) -> None:
    broker.ensure_session()
    gateway.control.add_fault("fake_401", "portfolio/DU1234567/ledger")
    with pytest.raises(NotFound, match="DU1234567"):
        broker.account_snapshot("DU1234567")


def test_an_answer_of_the_wrong_shape_is_a_bad_answer(stub: Any, stub_broker: Any) -> None:
    stub.answer("iserver/secdef/search", {"conid": 1})
    stub.answer("iserver/accounts", [])
    for call in (lambda: stub_broker.search("X"), stub_broker.accounts):
        with pytest.raises(TemporaryError) as caught:
            call()
        assert caught.value.code == "bad_answer"


def test_every_call_is_counted_by_path_template_and_outcome(
    broker: ClientPortalBroker, gateway: RunningGateway, redis_client: "redis.Redis"
) -> None:
    gateway.control.add_fault("empty", INFO, times=1)
    broker.contract(AAPL)
    template = "GET iserver/contract/{conid}/info"
    calls = read_metrics(redis_client).calls
    assert calls[template, "bad_answer"] == 1
    assert calls[template, "ok"] == 1
