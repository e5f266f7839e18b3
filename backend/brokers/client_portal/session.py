"""
The gateway's session: how it stands, how to bring it up, what to do when it is lost half-way.

Two tiers (Client Portal API field notes, "Session and authentication"): a login that only a person
can give, and inside it one brokerage session that we may ask for. Every account list has to be
read once per session before calls that depend on it ("priming").
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

from backend.brokers.base import Session, SessionStatus
from backend.brokers.client_portal import endpoints
from backend.brokers.client_portal.answers import Answer, Outcome, to_error
from backend.brokers.client_portal.client import SIMULATED_HEADER, Call, GatewayClient
from backend.core.clock import Clock, to_ms
from backend.core.errors import SessionDown, TemporaryError
from backend.core.logging import get_logger

log = get_logger(__name__)

# Too many attempts in a row lock a user name into a re-authentication loop.
_PAUSES_AFTER_INIT = (1.0, 2.0, 3.0)
# IBKR ends every login at midnight of the region that serves it. The gateway does not say which
# region that is; New York serves most.
_REGION = ZoneInfo("America/New_York")

_DETAILS = {
    SessionStatus.READY: "The gateway is ready.",
    SessionStatus.LOGGED_OUT: "Nobody is logged in to the gateway; log in through its page.",
    SessionStatus.CONNECTING: "The gateway is logged in, but has no brokerage session yet.",
    SessionStatus.COMPETING: (
        "The same user name is active elsewhere (TWS, mobile, another gateway); log out there or"
        " use a user name of its own for trading by API."
    ),
}
_NEVER_TAKEN = frozenset(
    {Outcome.NEEDS_PRIMING, Outcome.NO_BRIDGE, Outcome.RATE_LIMITED, Outcome.UNREACHABLE}
)
_CODES = {
    SessionStatus.LOGGED_OUT: "logged_out",
    SessionStatus.CONNECTING: "no_bridge",
    SessionStatus.COMPETING: "competing",
    SessionStatus.UNREACHABLE: "unreachable",
}


class GatewaySession:
    def __init__(
        self,
        client: GatewayClient,
        clock: Clock,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._clock = clock
        self._sleep = sleep
        self.id = ""
        """Of the session whose account lists have been read; empty before `ensure`."""

    def status(self) -> Session:
        """As `Broker.session`; raises `TemporaryError` while all calls are stopped after a 429."""
        return self._look()[0]

    def ensure(self) -> Session:
        """As `Broker.ensure_session`. Never takes the session away from somebody else."""
        session, session_id = self._look()
        for pause in _PAUSES_AFTER_INIT:
            if session.status is not SessionStatus.CONNECTING:
                break
            self._ask_for_brokerage_session()
            self._sleep(pause)
            session, session_id = self._look(max_age=0.0)
        if session.status is SessionStatus.READY and session_id != self.id:
            self._prime(session_id)
            self.id = session_id
        return session

    def read(self, call: Call) -> Any:
        """
        The body of an answer, after bringing the session back once where that needs no person.

        Raises the errors of `Broker`.
        """
        answer = self._send(call)
        if not _is_ok(answer):
            raise to_error(answer, call.endpoint.pace.label)
        return answer.body

    def write(self, call: Call) -> Answer:
        """
        Whatever came of a call that changes something; it goes out once, and a second time only
        where the first was turned away unseen, for want of a session.

        Raises the errors of `Broker`; with them nothing was taken.
        """
        assert call.retries == 0, "What changes something is not tried again."
        answer = self._send(call)
        if answer.outcome is Outcome.NOT_LOGGED_IN:
            self.require_ready()
            raise TemporaryError(
                f"The gateway turned the call away although somebody is logged in"
                f" ({call.endpoint.pace.label}: {answer.detail}).",
                code="gateway_unavailable",
            )
        if answer.outcome in _NEVER_TAKEN:
            raise to_error(answer, call.endpoint.pace.label)
        return answer

    def _send(self, call: Call) -> Answer:
        answer = self._client.send(call)
        if answer.outcome is Outcome.NEEDS_PRIMING:
            self._client.send(Call(endpoint=_list_for(call), scope=self.id))
            answer = self._client.send(call)
        elif answer.outcome is Outcome.NO_BRIDGE:
            self.require_ready()
            answer = self._client.send(call)
        return answer

    def read_object(self, call: Call) -> dict[str, Any]:
        """As `read`, for an answer that has to be a JSON object."""
        body = self.read(call)
        if not isinstance(body, dict):
            raise _wrong_shape(call, "an object")
        return body

    def read_rows(self, call: Call) -> list[dict[str, Any]]:
        """As `read`, for an answer that has to be a list of objects."""
        body = self.read(call)
        if not isinstance(body, list) or not all(isinstance(row, dict) for row in body):
            raise _wrong_shape(call, "a list of objects")
        return body

    def require_ready(self) -> None:
        """Raises `SessionDown` with the reason when the session cannot be brought up."""
        session = self.ensure()
        if session.status is not SessionStatus.READY:
            raise SessionDown(session.detail, code=_CODES[session.status])

    def _look(self, *, max_age: float = 50.0) -> tuple[Session, str]:
        """
        The state and the session's id.

        A tickle once a minute keeps the login alive; in between, auth/status tells the state,
        which may be asked more often.
        """
        tickle = answer = self._client.send(_tickle(max_age))
        if tickle.age is not None or (_auth_status(tickle) is None and _is_ok(tickle)):
            answer = self._client.send(Call(endpoint=endpoints.AUTH_STATUS, retries=1))
            # auth/status says the same of "no login" and of "no brokerage session".
            if _status(answer) is SessionStatus.CONNECTING:
                tickle = answer = self._client.send(_tickle(0.0))
        if answer.outcome is Outcome.RATE_LIMITED:
            raise to_error(answer, "session")
        return self._describe(answer, tickle), str(_body(tickle).get("session", ""))

    def _describe(self, answer: Answer, tickle: Answer) -> Session:
        status = _status(answer)
        is_simulated = _is_simulated(answer)
        return Session(
            status=status,
            detail=_DETAILS.get(status) or f"The gateway cannot be used: {answer.detail}.",
            is_simulated=is_simulated,
            login_expires_at=self._forecast(tickle),
            server_time_skew_seconds=self._skew(answer, is_simulated),
        )

    def _forecast(self, tickle: Answer) -> datetime | None:
        """The earlier of what the gateway says and midnight, which also keeps the 24 hours."""
        left = _body(tickle).get("ssoExpires")
        if left is None:
            return None
        now = self._clock.now()
        told = now + timedelta(milliseconds=int(left), seconds=-(tickle.age or 0.0))
        tomorrow = now.astimezone(_REGION).date() + timedelta(days=1)
        midnight = datetime.combine(tomorrow, datetime.min.time(), _REGION)
        return min(told, midnight.astimezone(UTC))

    def _skew(self, answer: Answer, is_simulated: bool) -> float | None:
        if is_simulated:
            return self._simulated_skew()
        date = answer.headers.get("date") if answer.headers is not None else None
        if date is None:
            return None
        return (parsedate_to_datetime(date) - self._clock.now()).total_seconds()

    def _simulated_skew(self) -> float | None:
        before = to_ms(self._clock.now())
        response = self._client.ask_simulator("clock")
        if response is None or response.status_code != 200:
            return None
        middle = (before + to_ms(self._clock.now())) / 2
        return (float(response.json()["now_ms"]) - middle) / 1000

    def _ask_for_brokerage_session(self) -> None:
        body = {"publish": True, "compete": False}
        call = Call(endpoint=endpoints.INIT, body=body, retries=0, max_age=2.5)
        answer = self._client.send(call)
        log.info("brokerage_session_asked_for", outcome=answer.outcome, detail=answer.detail)

    def _prime(self, session_id: str) -> None:
        """The session belongs to the gateway, so one worker's reading serves them all."""
        for endpoint in (endpoints.ACCOUNTS, endpoints.PORTFOLIO_ACCOUNTS):
            answer = self._client.send(Call(endpoint=endpoint, max_age=60.0, scope=session_id))
            if not _is_ok(answer):
                raise to_error(answer, endpoint.pace.label)


def _tickle(max_age: float) -> Call:
    return Call(endpoint=endpoints.TICKLE, max_age=max_age, retries=1)


def _list_for(call: Call) -> endpoints.Endpoint:
    is_portfolio = call.endpoint.path.startswith("portfolio")
    return endpoints.PORTFOLIO_ACCOUNTS if is_portfolio else endpoints.ACCOUNTS


def _wrong_shape(call: Call, wanted: str) -> TemporaryError:
    return TemporaryError(
        f"The gateway's answer is not {wanted} ({call.endpoint.pace.label}).", code="bad_answer"
    )


def _is_ok(answer: Answer) -> bool:
    return answer.outcome is Outcome.OK


def _body(answer: Answer) -> dict[str, Any]:
    return answer.body if isinstance(answer.body, dict) else {}


def _auth_status(answer: Answer) -> dict[str, Any] | None:
    """Of a tickle, where it stands inside, or of auth/status itself."""
    body = _body(answer)
    inner = body.get("iserver", body)
    status = inner.get("authStatus", inner) if isinstance(inner, dict) else {}
    return status if "authenticated" in status else None


def _status(answer: Answer) -> SessionStatus:
    if answer.outcome is Outcome.NOT_LOGGED_IN:
        return SessionStatus.LOGGED_OUT
    if answer.outcome is Outcome.NO_BRIDGE:
        return SessionStatus.CONNECTING
    state = _auth_status(answer)
    if not _is_ok(answer) or state is None:
        return SessionStatus.UNREACHABLE
    if state.get("competing"):
        return SessionStatus.COMPETING
    # Older builds do not say `established`; newer ones refuse calls until it is true.
    is_ready = state["authenticated"] and state.get("connected") and state.get("established", True)
    return SessionStatus.READY if is_ready else SessionStatus.CONNECTING


def _is_simulated(answer: Answer) -> bool:
    return answer.headers is not None and answer.headers.get(SIMULATED_HEADER) == "true"
