"""Orders, as we speak of them with a broker: what is asked for, and what it answers."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from backend.core.errors import OutsideError

OrderType = Literal["MKT", "LMT", "STP", "STOP_LIMIT", "TRAIL"]
Side = Literal["BUY", "SELL"]
Tif = Literal["DAY", "GTC", "IOC", "OPG"]


class OrderStatus(StrEnum):
    """How the broker says that an order stands."""

    PENDING = "pending"  #: sent on, not acknowledged yet
    HELD = "held"  #: accepted, and held back until its trigger, its parent or the market's opening
    WORKING = "working"  #: at the exchange, perhaps filled in part
    CANCELLING = "cancelling"  #: its cancellation is asked for; it may still fill
    FILLED = "filled"  #: the whole quantity
    CANCELLED = "cancelled"  #: what was not filled is over
    INACTIVE = "inactive"  #: taken in, then refused or switched off

    @property
    def is_final(self) -> bool:
        return self in (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.INACTIVE)


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """
    One order as it goes out. Prices in contract currency, on the tick; whole lots.

    `parent` is the client order id of the entry that this order protects, in the same request or
    at the broker already; `trail` the distance of a TRAIL order in contract currency.
    """

    client_order_id: str
    conid: int
    side: Side
    order_type: OrderType
    quantity: Decimal
    tif: Tif
    parent: str | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    outside_rth: bool = False


@dataclass(frozen=True, kw_only=True)
class Question:
    """The broker wants an answer before it takes the order; any other request may void it."""

    reply_id: str
    message_ids: tuple[str, ...]
    """Such as `o163`; empty where the broker gives none."""
    text: str
    """Plain text, without its markup."""
    is_prompt: bool = False
    """Answered by another call than the usual ones, and with one of `options`."""
    options: tuple[str, ...] = ()
    client_order_ids: tuple[str, ...] = ()
    """Of the tickets that it is about."""


@dataclass(frozen=True, kw_only=True)
class TakenOrder:
    """What the broker says of one ticket that it took; `refusal` where it took the others only."""

    client_order_id: str | None
    order_id: str | None
    status: OrderStatus | None
    """None where the answer cannot be trusted: look the order up."""
    refusal: str | None = None


@dataclass(frozen=True, kw_only=True)
class Taken:
    orders: tuple[TakenOrder, ...]


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A definite no: nothing of the request lives."""

    text: str


OrderAnswer = Question | Taken | Refused


class OutcomeUnknown(OutsideError):
    """
    The request went out and no answer tells what became of it: the order may live.

    It is to be looked up by its client order id, and never sent again before that.
    """

    code = "outcome_unknown"


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What an order would come to, as the broker reckons; None is what it does not say."""

    amount: Decimal | None
    commission: Decimal | None
    """The highest of the range that it names, in account currency."""
    initial_margin: Decimal | None
    """Of the whole account, with the order."""
    maintenance_margin: Decimal | None
    equity_after: Decimal | None
    position_after: Decimal | None
    warning: str | None
    refusal: str | None
    """Why the broker would not take it."""


@dataclass(frozen=True, kw_only=True)
class BrokerOrder:
    """An order of the account, whoever placed it, as the broker lists it."""

    order_id: str
    client_order_id: str | None
    parent_order_id: str | None
    account: str
    conid: int
    symbol: str
    side: Side
    order_type: str
    quantity: Decimal
    filled: Decimal
    average_price: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    tif: str
    status: OrderStatus
    reason: str | None
    """Why the broker's system cancelled it, where it says so."""
    outside_rth: bool = False


@dataclass(frozen=True, kw_only=True)
class BrokerFill:
    """One execution of an order. The commission comes a little later than the fill itself."""

    id: str
    account: str
    order_id: str
    client_order_id: str | None
    conid: int
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class OrderDelta:
    """
    What a stream says has changed of an order; None is what it does not mention.

    The listed state of the order, merged with every delta since, is its state now.
    """

    order_id: str
    account: str
    client_order_id: str | None = None
    status: OrderStatus | None = None
    quantity: Decimal | None = None
    filled: Decimal | None = None
    average_price: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class StreamOpened:
    """From now on the stream tells; what happened before has to be read."""


@dataclass(frozen=True, kw_only=True)
class StreamLost:
    """The stream broke, or nothing has come for too long; it is being opened again."""

    why: str


OrderNews = OrderDelta | BrokerFill | StreamOpened | StreamLost
