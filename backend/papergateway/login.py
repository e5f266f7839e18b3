"""
The two tiers of a login: the outer one (SSO) and the brokerage session inside it.

The person behind the paper login never sleeps: when SSO ends at midnight in New York, it is renewed
at once, and at one in the morning the brokerage session restarts as IBKR's does. A login that stays
expired is a matter of the control plane.
"""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from backend.core.clock import to_ms
from backend.core.hashing import sha256_hex
from backend.papergateway.clock import FASTEST_LOGIN, SettableClock

IDLE = timedelta(minutes=6)
ESTABLISHING = timedelta(seconds=1)
REGION = ZoneInfo("America/New_York")
RESET_TIME = time(1, 0)
MAC = "98:F2:B3:23:BF:A0"
HARDWARE = f"e2a1c0de|{MAC}"
SERVER_INFO = {"serverName": "PaperGateway", "serverVersion": "Build 10.37.1a (simulated)"}


class LoginState(StrEnum):
    LOGGED_OUT = "logged_out"  #: no SSO: everything is 401
    SSO_ONLY = "sso_only"  #: portfolio works, iserver does not
    CONNECTING = "connecting"  #: as before, with a connection: idle timed out, or coming up
    READY = "ready"
    COMPETING = "competing"  #: somebody else holds the brokerage session
    SSO_EXPIRED = "sso_expired"  #: logged out by time; only a person can help


class BrokerageSession:
    """What lives and dies with a session: its id, priming, and the question who holds it."""

    def __init__(self, clock: SettableClock, *, seed: int) -> None:
        self._clock = clock
        self._seed = seed
        self._number = 0
        self._listeners: list[Callable[[], None]] = []
        self.priming_status = 400
        """The status of "query /accounts first": documented as 400, by users as 500."""
        self.changes = 0
        """Counts what WebSocket clients must be told of."""
        self.state = LoginState.READY
        now = clock.now()
        self._used_at = now
        self._sso_until = _next(time(0, 0), now)
        self._reset_at = _next(RESET_TIME, now)
        self._begin_session()
        self._established_at = now

    def on_new_session(self, forget: Callable[[], None]) -> None:
        """Something else that a session takes with it when it ends."""
        self._listeners.append(forget)

    @property
    def id(self) -> str:
        """32 hex digits, the same for the life of a session: WebSocket clients compare it."""
        return sha256_hex(f"paper session {self._seed} {self._number}".encode())[:32]

    @property
    def has_sso(self) -> bool:
        return self.state not in (LoginState.LOGGED_OUT, LoginState.SSO_EXPIRED)

    @property
    def is_established(self) -> bool:
        return self.state is LoginState.READY and self._clock.now() >= self._established_at

    def sso_milliseconds_left(self) -> int:
        return max(0, to_ms(self._sso_until) - to_ms(self._clock.now()))

    def touch(self) -> None:
        """A request came in: the brokerage session is not idle."""
        self._used_at = self._clock.now()

    def live_on(self) -> None:
        """Let time do what it does to a session: idle time-out and nightly restart."""
        now = self._clock.now()
        if now >= self._sso_until:
            self._sso_until = _next(time(0, 0), now)
        if now >= self._reset_at:
            self._reset_at = _next(RESET_TIME, now)
            if self._is_human():
                self.nightly_reset()
        if self.state is LoginState.READY and self._is_human() and now - self._used_at > IDLE:
            self._enter(LoginState.CONNECTING)

    def log_in(self) -> None:
        """What a person does in the browser; the gateway then connects by itself."""
        self._sso_until = _next(time(0, 0), self._clock.now())
        self._begin_session()
        self._enter(LoginState.READY)

    def initialise(self, *, compete: bool) -> None:
        """ssodh/init: take the brokerage session, from somebody else only with `compete`."""
        if self.state is LoginState.READY or (self.state is LoginState.COMPETING and not compete):
            return
        self._begin_session()
        self._enter(LoginState.READY)

    def log_out(self, *, expired: bool = False) -> None:
        self._enter(LoginState.SSO_EXPIRED if expired else LoginState.LOGGED_OUT)

    def lose_to_competitor(self) -> None:
        self._enter(LoginState.COMPETING)

    def fall_back(self, *, connected: bool = True) -> None:
        """The brokerage session is gone, the login stays."""
        self._enter(LoginState.CONNECTING if connected else LoginState.SSO_ONLY)

    def change_id(self) -> None:
        """A new session under the same login, while clients believe in the old one."""
        self._begin_session()
        self._established_at = self._clock.now()
        self.changes += 1

    def nightly_reset(self) -> None:
        if self.has_sso:
            self._begin_session()
            self._enter(LoginState.CONNECTING)

    def auth_status(self) -> dict[str, Any]:
        """The object of auth/status and of tickle; when disconnected without `serverInfo`."""
        is_ready = self.state is LoginState.READY
        is_competing = self.state is LoginState.COMPETING
        if not is_ready and not is_competing and self.state is not LoginState.CONNECTING:
            return {"authenticated": False, "competing": False, "connected": False, "MAC": MAC}
        return {
            "authenticated": is_ready,
            "established": self.is_established,
            "competing": is_competing,
            "connected": True,
            "message": "",
            "MAC": MAC,
            "serverInfo": SERVER_INFO,
            "hardware_info": HARDWARE,
            "fail": "",
        }

    def _is_human(self) -> bool:
        return self._clock.speed <= FASTEST_LOGIN

    def _begin_session(self) -> None:
        self._number += 1
        self.has_queried_accounts = False
        self.has_queried_portfolio = False
        self.has_used_hmds = False
        self._established_at = self._clock.now() + ESTABLISHING
        for forget in self._listeners:
            forget()

    def _enter(self, state: LoginState) -> None:
        self.state = state
        self.changes += 1
        self.touch()


def _next(wall_time: time, after: datetime) -> datetime:
    """The next moment at which clocks in the serving region show this time."""
    local = after.astimezone(REGION)
    today = local.replace(
        hour=wall_time.hour, minute=wall_time.minute, second=0, microsecond=0, fold=0
    )
    return today if today > local else today + timedelta(days=1)
