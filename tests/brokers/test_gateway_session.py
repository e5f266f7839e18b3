"""Sessions that are lost, and how they come back."""

from datetime import UTC, datetime, timedelta

import pytest
import redis

from backend.brokers.base import SessionStatus
from backend.brokers.client_portal import ClientPortalBroker
from backend.core.clock import ManualClock
from backend.core.errors import SessionDown, TemporaryError
from backend.papergateway.running import RunningGateway
from tests.brokers.conftest import TRADING_HOURS, MakeBroker
from tests.brokers.stub_gateway import StubGateway

AAPL = 265598


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("logged_out", SessionStatus.LOGGED_OUT),
        ("sso_expired", SessionStatus.LOGGED_OUT),
        ("sso_only", SessionStatus.CONNECTING),
        ("connecting", SessionStatus.CONNECTING),
        ("competing", SessionStatus.COMPETING),
    ],
)
@pytest.mark.parametrize("is_tickled", [False, True])
def test_each_state_is_seen_also_when_a_tickle_was_just_answered(
    broker: ClientPortalBroker,
    gateway: RunningGateway,
    state: str,
    status: SessionStatus,
    is_tickled: bool,
) -> None:
    if is_tickled:
        assert broker.session().status is SessionStatus.READY
    gateway.control.session(state)
    assert broker.session().status is status


@pytest.mark.parametrize(
    ("state", "code"),
    [("logged_out", "logged_out"), ("sso_expired", "logged_out"), ("competing", "competing")],
)
def test_a_session_that_needs_a_person_is_reported_and_never_taken(
    broker: ClientPortalBroker, gateway: RunningGateway, state: str, code: str
) -> None:
    gateway.control.session(state)
    with pytest.raises(SessionDown) as caught:
        broker.search("AAPL")
    assert caught.value.code == code
    assert broker.ensure_session().status.value == code
    assert gateway.control.state()["session"]["state"] == state


@pytest.mark.parametrize("state", ["sso_only", "connecting"])
def test_a_brokerage_session_is_asked_for_where_that_needs_no_person(
    broker: ClientPortalBroker, gateway: RunningGateway, state: str
) -> None:
    gateway.control.session(state)
    assert broker.ensure_session().status is SessionStatus.READY
    assert gateway.control.state()["session"]["queried_accounts"]
    assert gateway.control.state()["session"]["queried_portfolio"]


def test_calls_go_on_after_the_nightly_reset(
    broker: ClientPortalBroker, gateway: RunningGateway
) -> None:
    broker.ensure_session()
    broker.quote(AAPL)
    gateway.control.happen("nightly_reset")
    assert broker.quote(AAPL).last is not None
    assert broker.accounts()


@pytest.mark.parametrize("priming_status", [400, 500])
def test_lost_priming_is_made_good_once_in_silence(
    broker: ClientPortalBroker, gateway: RunningGateway, priming_status: int
) -> None:
    broker.ensure_session()
    gateway.world.session.priming_status = priming_status
    gateway.world.session.has_queried_accounts = False
    before = gateway.control.counts()["iserver/accounts"]
    assert broker.quote(AAPL).last is not None
    assert gateway.control.counts()["iserver/accounts"] == before + 1


def test_priming_that_does_not_help_is_tried_exactly_once(
    stub: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    stub.answer(
        "iserver/secdef/search", {"error": "Bad Request: Please query /accounts first"}, status=400
    )
    with pytest.raises(TemporaryError) as caught:
        stub_broker.search("AAPL")
    assert caught.value.code == "gateway_unavailable"
    assert stub.asked == ["iserver/secdef/search", "iserver/accounts", "iserver/secdef/search"]


def test_no_bridge_in_a_session_that_calls_itself_ready_is_no_endless_loop(
    stub: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    stub.answer("iserver/secdef/search", {"error": "Bad Request: no bridge"}, status=400)
    with pytest.raises(SessionDown) as caught:
        stub_broker.search("AAPL")
    assert caught.value.code == "no_bridge"
    assert stub.asked.count("iserver/secdef/search") == 2


def test_a_session_that_never_comes_up_is_left_alone_after_a_few_tries(
    stub: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    waiting = {"authenticated": False, "competing": False, "connected": True}
    stub.answer("tickle", {"session": "b" * 32, "iserver": {"authStatus": waiting}})
    stub.answer("iserver/auth/ssodh/init", waiting)
    assert stub_broker.ensure_session().status is SessionStatus.CONNECTING
    assert 1 <= stub.asked.count("iserver/auth/ssodh/init") <= 3


def test_not_yet_established_is_not_ready(
    stub: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    half = {"authenticated": True, "established": False, "competing": False, "connected": True}
    stub.answer("tickle", {"session": "b" * 32, "iserver": {"authStatus": half}})
    assert stub_broker.session().status is SessionStatus.CONNECTING


def test_older_builds_that_do_not_say_established_are_ready(
    stub: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    old = {"authenticated": True, "competing": False, "connected": True}
    stub.answer("tickle", {"session": "b" * 32, "iserver": {"authStatus": old}})
    assert stub_broker.session().status is SessionStatus.READY


def test_ten_workers_prime_one_session_once(
    make_broker: MakeBroker, gateway: RunningGateway
) -> None:
    for broker in [make_broker() for _ in range(10)]:
        assert broker.ensure_session().status is SessionStatus.READY
    counts = gateway.control.counts()
    assert counts["iserver/accounts"] == counts["portfolio/accounts"] == counts["tickle"] == 1


def test_a_new_session_is_primed_anew(broker: ClientPortalBroker, gateway: RunningGateway) -> None:
    broker.ensure_session()
    gateway.control.session("connecting")
    broker.ensure_session()
    assert gateway.control.counts()["iserver/accounts"] == 2


def test_a_simulated_gateway_says_so_and_tells_its_time(
    make_broker: MakeBroker, gateway: RunningGateway
) -> None:
    late = ManualClock(TRADING_HOURS - timedelta(seconds=90))
    gateway.control.set_clock(TRADING_HOURS)
    session = make_broker(clock=late).session()
    assert session.is_simulated
    assert session.server_time_skew_seconds is not None
    assert 90 <= session.server_time_skew_seconds < 100


def test_a_gateway_that_does_not_call_itself_simulated_is_not(
    stub: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    session = stub_broker.session()
    assert not session.is_simulated
    assert session.login_expires_at is None
    assert session.server_time_skew_seconds is not None, "the stub sends an HTTP date"
    assert abs(session.server_time_skew_seconds) < 10


def test_the_login_ends_when_the_gateway_says_or_at_midnight_in_new_york(
    make_broker: MakeBroker, stub: StubGateway, redis_client: "redis.Redis"
) -> None:
    noon = datetime(2026, 3, 11, 16, 0, tzinfo=UTC)
    broker = make_broker(base_url=stub.url, certificate=None, clock=ManualClock(noon))
    ready = {"authenticated": True, "connected": True}
    document = {"session": "c" * 32, "iserver": {"authStatus": ready}}
    stub.answer(
        "tickle", {**document, "ssoExpires": 3_600_000}, {**document, "ssoExpires": 86_400_000}
    )
    assert broker.session().login_expires_at == noon + timedelta(hours=1)
    redis_client.flushdb()
    assert broker.session().login_expires_at == datetime(2026, 3, 12, 4, 0, tzinfo=UTC)
