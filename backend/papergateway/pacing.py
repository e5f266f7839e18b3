"""IBKR's pacing limits, and the penalty box for those who break them."""

from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from backend.core.clock import Clock

PENALTY = timedelta(minutes=10)
HISTORIES_AT_ONCE = 5
GRACE = 0.02
"""A client that waits exactly as long as it must is not punished for a packet's jitter."""


@dataclass(frozen=True)
class Limit:
    """At most `calls` in any `seconds`, for paths (below /v1/api) that match `path`."""

    path: str
    calls: int
    seconds: float
    method: str | None = None


# Source: IBKR Web API documentation, "Pacing Limitations".
LIMITS = (
    Limit("*", 10, 1),
    Limit("iserver/marketdata/snapshot", 10, 1),
    Limit("iserver/scanner/params", 1, 900),
    Limit("iserver/scanner/run", 1, 1),
    Limit("iserver/account/trades", 1, 5),
    Limit("iserver/account/orders", 1, 5, "GET"),
    Limit("iserver/account/pnl/partitioned", 1, 5),
    Limit("portfolio/accounts", 1, 5),
    Limit("portfolio/subaccounts", 1, 5),
    Limit("pa/*", 1, 900),
    Limit("fyi/*", 1, 1),
    Limit("tickle", 1, 1),
    Limit("sso/validate", 1, 60),
)


class Pacing:
    """Sliding windows over the gateway's clock, so that they shrink with its speed."""

    def __init__(self, clock: Clock, *, enabled: bool = True) -> None:
        self._clock = clock
        self.enabled = enabled
        self.boxed_until: datetime | None = None
        self.refusals = 0
        self.histories = 0
        self._calls: dict[tuple[Limit, str], deque[datetime]] = defaultdict(deque)

    def refuse(self, method: str, path: str) -> str | None:
        """Why this request gets a 429, or None; a request that breaks a limit boxes its sender."""
        if self.is_boxed():
            return self._refused("Too many requests: in the penalty box")
        if not self.enabled:
            return None
        for limit in LIMITS:
            if self._applies(limit, method, path) and not self._admit(limit, path):
                self.box()
                return self._refused(f"Too many requests: {limit.calls} per {limit.seconds:g} s")
        if path == "iserver/marketdata/history" and self.histories >= HISTORIES_AT_ONCE:
            self.box()
            return self._refused(f"Too many requests: {HISTORIES_AT_ONCE} concurrent histories")
        return None

    def is_boxed(self) -> bool:
        return self.boxed_until is not None and self._clock.now() < self.boxed_until

    def box(self) -> None:
        """Ten minutes in which every call is answered with 429."""
        self.boxed_until = self._clock.now() + PENALTY

    def release(self) -> None:
        self.boxed_until = None
        self._calls.clear()

    @contextmanager
    def running(self, path: str) -> Iterator[None]:
        """Holds one of the five places for histories while the request is being answered."""
        is_history = path == "iserver/marketdata/history"
        self.histories += is_history
        try:
            yield
        finally:
            self.histories -= is_history

    def _refused(self, why: str) -> str:
        self.refusals += 1
        return why

    def _applies(self, limit: Limit, method: str, path: str) -> bool:
        return limit.method in (None, method) and fnmatchcase(path, limit.path)

    def _admit(self, limit: Limit, path: str) -> bool:
        # "fyi/*" and "pa/*" limit each endpoint by itself, "*" all of them together.
        calls = self._calls[limit, "" if limit.path == "*" else path]
        now = self._clock.now()
        begin = now - timedelta(seconds=limit.seconds * (1 - GRACE))
        while calls and calls[0] <= begin:
            calls.popleft()
        if len(calls) >= limit.calls:
            return False
        calls.append(now)
        return True
