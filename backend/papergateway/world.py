"""Everything the gateway remembers, in one place."""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from backend.core.clock import to_ms
from backend.papergateway.account import PaperAccount
from backend.papergateway.clock import SettableClock
from backend.papergateway.faults import Faults
from backend.papergateway.login import BrokerageSession
from backend.papergateway.pacing import Pacing
from backend.papergateway.prices import Market
from backend.papergateway.streams import Streams

USER = "papertrader"
USER_ID = 123456789
REQUESTS_KEPT = 1_000


@dataclass(frozen=True, kw_only=True)
class LoggedRequest:
    """One request as it was answered; `status` is 0 where the connection was dropped."""

    at_ms: int
    method: str
    path: str
    query: str
    status: int
    fault: str | None


@dataclass
class RequestLog:
    """The last requests and how often each path was asked, so that tests can prove pacing."""

    recent: deque[LoggedRequest] = field(default_factory=lambda: deque(maxlen=REQUESTS_KEPT))
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, request: LoggedRequest) -> None:
        self.recent.append(request)
        self.counts[request.path] += 1

    def clear(self) -> None:
        self.recent.clear()
        self.counts.clear()


class Connection(Protocol):
    """A WebSocket client, as far as the world has to do with it."""

    def forget_subscriptions(self) -> None: ...


class World:
    """The gateway's whole state; one per running gateway, touched by its event loop alone."""

    def __init__(
        self, *, market: Market, clock: SettableClock, seed: int = 1, paced: bool = True
    ) -> None:
        self.market = market
        self.clock = clock
        self.seed = seed
        self.paced = paced
        self.requests = RequestLog()
        self.connections: set[Connection] = set()
        self._begin()

    def _begin(self) -> None:
        self.session = BrokerageSession(self.clock, seed=self.seed)
        self.pacing = Pacing(self.clock, enabled=self.paced)
        self.faults = Faults(seed=self.seed)
        self.streams = Streams(self.clock)
        self.account = PaperAccount(opened_ms=self.now_ms())
        self.session.on_new_session(self.streams.clear)
        self.session.on_new_session(self.account.forget_reads)
        self.session.on_new_session(self._forget_subscriptions)

    def reset(self) -> None:
        """As if the gateway had just been started, at the present time of its clock."""
        self.requests.clear()
        self._begin()
        self._forget_subscriptions()

    def _forget_subscriptions(self) -> None:
        for connection in self.connections:
            connection.forget_subscriptions()

    def now(self) -> datetime:
        return self.clock.now()

    def now_ms(self) -> int:
        return to_ms(self.clock.now())

    def now_seconds(self) -> int:
        return self.now_ms() // 1000
