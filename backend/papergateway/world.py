"""Everything the gateway remembers, in one place."""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from backend.core.clock import from_ms, to_ms
from backend.core.errors import InvalidInput
from backend.papergateway.account import PaperAccount
from backend.papergateway.clock import SettableClock
from backend.papergateway.faults import Faults
from backend.papergateway.login import BrokerageSession
from backend.papergateway.pacing import Pacing
from backend.papergateway.prices import Market
from backend.papergateway.streams import Streams
from backend.papergateway.trading.advance import advance
from backend.papergateway.trading.conversations import Conversations
from backend.papergateway.trading.desk import Desk, opened
from backend.papergateway.trading.store import Store

USER = "papertrader"
USER_ID = 123456789
REQUESTS_KEPT = 1_000
KEPT_EVERY = timedelta(seconds=1)


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
    def wake(self) -> None: ...
    def hang_up(self) -> None: ...


class World:
    """The gateway's whole state; one per running gateway, touched by its event loop alone."""

    def __init__(
        self,
        *,
        market: Market,
        clock: SettableClock,
        seed: int = 1,
        paced: bool = True,
        store: Store | None = None,
    ) -> None:
        """With a `store` the account goes on where it was kept; the others are new each time."""
        self.market = market
        self.clock = clock
        self.seed = seed
        self.paced = paced
        self.store = store or Store()
        self.requests = RequestLog()
        self.connections: set[Connection] = set()
        self._begin()

    def _begin(self) -> None:
        self.faults = Faults(seed=self.seed)
        self._start()

    def _start(self) -> None:
        """What a process begins with: a session, and the account as it was kept."""
        self.session = BrokerageSession(self.clock, seed=self.seed)
        self.pacing = Pacing(self.clock, enabled=self.paced)
        self.streams = Streams(self.clock)
        self.account = PaperAccount()
        self.conversations = Conversations(seed=self.seed)
        state = self.store.load()
        if state is not None and state.as_of_ms > self.now_ms():
            # An account's time does not run backwards, whatever time the process was given.
            self.clock.set(from_ms(state.as_of_ms))
        self.desk = Desk(self.market, state or opened(self.now_ms()))
        self._require_prices()
        self._kept, self._kept_at = self._version(), self.clock.machine_now()
        self.store.keep(self.desk)
        self.session.on_new_session(self.streams.clear)
        self.session.on_new_session(self.account.forget_reads)
        self.session.on_new_session(self.conversations.clear)
        self.session.on_new_session(self._forget_subscriptions)

    def _require_prices(self) -> None:
        """Raises `InvalidInput` when the account has to do with what has no prices here."""
        state = self.desk.state
        conids = {*state.books.positions, *(order.conid for order in state.orders.values())}
        if missing := sorted(conids - self.market.instruments.keys()):
            raise InvalidInput(
                f"The paper account holds or has traded the contracts {missing}, which come from"
                " price files that are not here. Start with the same --prices as before, or"
                " move the account's file away."
            )

    def reset(self) -> None:
        """As if the gateway had just been started, at its present time, with a new account."""
        self.requests.clear()
        self.store.clear()
        self._begin()
        self._forget_subscriptions()

    def restart(self) -> None:
        """As if the process had been killed and started again: the account and its faults stay."""
        self._start()
        for connection in list(self.connections):
            connection.hang_up()

    def move_on(self) -> None:
        """Let time do what it does to the session and to the account."""
        self.session.live_on()
        advance(self.desk, self.now_ms())
        self.keep()

    def _version(self) -> tuple[object, ...]:
        """Differs when there is something to write down."""
        state = self.desk.state
        return self.desk.changes, state.day_equity, state.plan

    def keep(self) -> None:
        """
        Write down what has changed, then let listeners know.

        In quiet times only the moment is written, so that a killed process loses little of it.
        """
        now, machine_now = self._version(), self.clock.machine_now()
        has_changed = now != self._kept
        if has_changed or machine_now - self._kept_at >= KEPT_EVERY:
            self._kept, self._kept_at = now, machine_now
            self.store.keep(self.desk)
        if not has_changed:
            return
        for connection in self.connections:
            connection.wake()

    def _forget_subscriptions(self) -> None:
        for connection in self.connections:
            connection.forget_subscriptions()

    def now(self) -> datetime:
        return self.clock.now()

    def now_ms(self) -> int:
        return to_ms(self.clock.now())

    def now_seconds(self) -> int:
        return self.now_ms() // 1000
