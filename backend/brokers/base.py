"""What we ask of a broker, in our words; each file beside this one answers for one broker."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from backend.brokers.orders import (
    BrokerFill,
    BrokerOrder,
    OrderAnswer,
    OrderNews,
    Preview,
    Question,
    Ticket,
)
from backend.core.values import Timeframe


class SessionStatus(StrEnum):
    READY = "ready"  #: every call works
    LOGGED_OUT = "logged_out"  #: a person has to log in to the gateway
    CONNECTING = "connecting"  #: logged in, the brokerage session is being made
    COMPETING = "competing"  #: the same user name is active elsewhere
    UNREACHABLE = "unreachable"  #: no gateway answers at the address


@dataclass(frozen=True, kw_only=True)
class Session:
    status: SessionStatus
    detail: str
    """A sentence for a person: what is wrong and what to do, or that all is well."""
    is_simulated: bool = False
    """True when the gateway says of itself that its prices and money are invented."""
    login_expires_at: datetime | None = None
    """When the gateway will ask for a new login, as far as it tells."""
    server_time_skew_seconds: float | None = None
    """Gateway's clock minus ours, where the gateway tells its time."""


@dataclass(frozen=True, kw_only=True)
class Account:
    id: str
    currency: str
    is_paper: bool
    """As the gateway reports it, never guessed from the account's name."""
    is_selected: bool


@dataclass(frozen=True, kw_only=True)
class ContractMatch:
    """One answer to a search; enough to choose, not enough to trade."""

    conid: int
    symbol: str
    name: str
    exchange: str
    security_types: tuple[str, ...]
    is_us: bool | None = None
    """Whether this is the listing in the United States, where the broker says so."""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """
    `exchange` is the primary listing as IBKR names it ("NASDAQ"); `calendar` is the
    exchange-calendars code of its sessions ("XNYS"), `timezone` their IANA zone.
    """

    conid: int
    symbol: str
    name: str
    exchange: str
    currency: str
    security_type: str
    tick: Decimal
    lot: Decimal
    calendar: str
    timezone: str


@dataclass(frozen=True, kw_only=True)
class Bar:
    """`time` is the bar's start in UTC ms; prices in contract currency, volume in shares."""

    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, kw_only=True)
class History:
    bars: tuple[Bar, ...]
    is_delayed: bool


@dataclass(frozen=True, kw_only=True)
class Quote:
    """`None` where the gateway does not know; `updated_at` is the gateway's own time stamp."""

    conid: int
    last: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    volume: Decimal | None
    prior_close: Decimal | None
    is_halted: bool
    is_delayed: bool
    updated_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Position:
    conid: int
    symbol: str
    quantity: Decimal
    average_cost: Decimal
    market_price: Decimal
    market_value: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal
    currency: str


@dataclass(frozen=True, kw_only=True)
class WorkingOrder:
    order_id: str
    client_order_id: str | None
    conid: int
    symbol: str
    side: str
    order_type: str
    quantity: Decimal
    filled: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    status: str


@dataclass(frozen=True, kw_only=True)
class AccountSnapshot:
    """Cash, equity and day P&L in `currency`; positions of zero quantity are left out."""

    account: str
    currency: str
    is_paper: bool
    cash: Decimal
    equity: Decimal
    buying_power: Decimal
    day_pnl: Decimal | None
    taken_at: datetime
    realized_pnl: Decimal | None = None
    """Realised profit as the broker adds it up since its own last reset."""
    positions: tuple[Position, ...] = ()
    working_orders: tuple[WorkingOrder, ...] = ()


class Broker(Protocol):
    """
    Every call may raise `SessionDown` (nobody is logged in), `TemporaryError` (worth another try
    later, after the adapter's own bounded tries) or `OutsideError` (will not get better by itself).
    """

    def session(self) -> Session:
        """How things stand, asked anew; never raises for a session that is down."""
        ...

    def ensure_session(self) -> Session:
        """Bring the brokerage session up where that needs no person; then as `session`."""
        ...

    def accounts(self) -> tuple[Account, ...]: ...

    def search(self, query: str) -> tuple[ContractMatch, ...]:
        """Contracts whose symbol or name fits; empty when none does."""
        ...

    def stocks(self, symbols: tuple[str, ...]) -> dict[str, tuple[ContractMatch, ...]]:
        """All stocks listed under each of many symbols, in one call where the broker has one."""
        ...

    def contract(self, conid: int) -> Contract:
        """Raises `NotFound` for a conid that does not exist."""
        ...

    def history(
        self, conid: int, timeframe: Timeframe, *, start: datetime, end: datetime
    ) -> History:
        """
        Bars whose start lies in [start, end), regular hours, oldest first, of any length:
        the adapter pages. The last one may still be forming. Empty when there are none.
        """
        ...

    def quote(self, conid: int) -> Quote: ...

    def account_snapshot(self, account: str) -> AccountSnapshot:
        """Raises `NotFound` for an account that this login does not hold."""
        ...

    # --- orders: what changes something is sent once, and never again by the adapter -------------

    def preview(self, account: str, tickets: Sequence[Ticket]) -> Preview:
        """What the first ticket would cost and bind; it places nothing."""
        ...

    def place(self, account: str, tickets: Sequence[Ticket]) -> OrderAnswer:
        """
        Send an order, or an entry with those that protect it. The broker may take some only.

        Raises `OutcomeUnknown` when it may live without our knowing, which is also so when the
        broker knows one of the client order ids already (code `already_registered`). Every other
        error means that nothing went out, or that it was refused before anybody looked at it (429).
        """
        ...

    def reply(self, account: str, question: Question, *, is_confirmed: bool) -> OrderAnswer:
        """
        Answer a question of `place` or `modify`; a no gives `Refused`.

        Raises `OutcomeUnknown` when the question went stale: the order may live all the same.
        """
        ...

    def modify(self, account: str, order_id: str, ticket: Ticket) -> OrderAnswer:
        """Give a working order the terms of the ticket; errors as those of `place`."""
        ...

    def cancel(self, account: str, order_id: str) -> str | None:
        """
        Ask for an order's cancellation: None when that was accepted, else why not.

        Acceptance is no cancellation; `orders` tells when it has happened. May be repeated.
        """
        ...

    def orders(self, account: str) -> tuple[BrokerOrder, ...]:
        """
        Every order of the day that the broker lists, final ones included, read anew.

        Raises `TemporaryError` as long as the broker has not loaded them: an empty answer always
        means that there are none. IBKR allows one such call in five seconds.
        """
        ...

    def fills(self, account: str, *, days: int = 1) -> tuple[BrokerFill, ...]:
        """Executions of today and `days` before it (seven at most), from whatever platform."""
        ...

    def follow_orders(self, account: str) -> Iterator[OrderNews]:
        """
        What happens to orders as it happens, for good: a connection that breaks is made anew.

        Yields `StreamOpened` after each start, upon which the caller reads `orders` and `fills`.
        Fills may come twice, and again with their commission: keep them by their id.
        """
        ...

    def close(self) -> None: ...
