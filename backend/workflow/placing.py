"""What the steps ask of the one who places orders, and what comes of it."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from backend.brokers.base import AccountSnapshot
from backend.brokers.orders import Preview
from backend.trading.limits import RiskReport
from backend.trading.order_state import OrderState
from backend.trading.plan import OrderPlan
from backend.workflow.outcome import Outcome


class _Recorded(BaseModel):
    model_config = ConfigDict(frozen=True)


class Trade(_Recorded):
    """One that an execution wants to make, with all that its orders and its record need."""

    execution_id: int
    strategy_id: int
    strategy_version: int
    strategy_name: str
    account: str
    is_paper: bool
    is_simulated: bool
    currency: str
    order_plan: OrderPlan
    reason: str
    signal_expires_at: datetime | None
    allow_questions: tuple[str, ...] = ()
    """Ids of broker questions that the strategy answers yes."""
    covered_questions: tuple[str, ...] = ()
    """Those that checks of this very order cover."""


class PlacedOrder(_Recorded):
    """An order of a trade as it stands. Prices in contract currency."""

    client_order_id: str
    broker_order_id: str | None
    role: str
    side: str
    order_type: str
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail: Decimal | None
    tif: str
    state: OrderState
    reason: str | None
    filled: Decimal
    average_price: Decimal | None
    commission: Decimal
    sent_at: datetime | None
    acknowledged_at: datetime | None


class AskedByBroker(_Recorded):
    """A question of the broker's, and what was answered."""

    client_order_id: str
    message_ids: tuple[str, ...]
    text: str
    answer: str | None
    answered_by: str | None


class FilledPart(_Recorded):
    client_order_id: str
    quantity: Decimal
    price: Decimal
    commission: Decimal | None
    """None until the broker has told it."""
    at: datetime


class Placement(_Recorded):
    """What became of a trade, as far as it is known; `troubles` are sentences for a person."""

    round_trip_id: int
    orders: tuple[PlacedOrder, ...]
    questions: tuple[AskedByBroker, ...] = ()
    fills: tuple[FilledPart, ...] = ()
    troubles: tuple[str, ...] = ()

    @property
    def entries(self) -> tuple[PlacedOrder, ...]:
        return tuple(order for order in self.orders if order.role == "entry")


class Ending(_Recorded):
    """Why a trade came to nothing: what its execution ends with, now or when it is run again."""

    outcome: Outcome
    code: str
    sentence: str


Judge = Callable[[AccountSnapshot], RiskReport]
"""Asks all limits about the trade, for an account with every order of ours in it."""

MayGoOut = Callable[[], Ending | None]
"""Asked right before anything goes out: None where nothing speaks against it at that moment."""


class Reversal(_Recorded):
    """What an opposite signal did to the round trip that was open."""

    round_trip_id: int
    is_closed: bool
    """Nothing of it is held any more; else it is on its way, or a person has to look."""
    may_turn: bool
    """Whether the signal may enter the other way after that."""
    sentence: str


class Desk(Protocol):
    """
    Places the orders of an execution, exactly once, however often it is asked.

    Every method may raise what `Broker` raises; then nothing is lost, and it is asked again later.
    """

    def is_begun(self, execution_id: int) -> bool:
        """Whether an earlier attempt has reserved the trade, and perhaps sent some of it."""
        ...

    def make_way(self, *, strategy_id: int, account: str, conid: int, side: str) -> Reversal | None:
        """
        Close the strategy's open round trip against which this side points, where it was planned
        to end so; None where there is none, or it is to be left alone.
        """
        ...

    def preview(self, account: str, plan: OrderPlan) -> Preview:
        """What the broker reckons that the whole entry would come to."""
        ...

    def reserve(self, trade: Trade, snapshot: AccountSnapshot, judge: Judge) -> RiskReport:
        """
        Ask the limits, and keep the trade's orders if they let it pass: both at once, so that no
        two trades ever pass one limit together.

        Raises `Ends` where the strategy is in this instrument already.
        """
        ...

    def place(self, execution_id: int, may_go_out: MayGoOut) -> Placement:
        """
        Send what has not gone out, find out what became of what has, and make safe what is half
        there. Raises `Ends` where the trade came to nothing.
        """
        ...

    def reconcile(self, execution_id: int) -> Placement:
        """The trade after another look at the broker's orders and fills, waiting a few seconds."""
        ...
