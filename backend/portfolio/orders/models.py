"""Orders, what was asked about them, what people were asked, and the round trips they make up."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.database import Model
from backend.trading.order_state import OrderState
from backend.workflow.asking import ApprovalState


class Role(StrEnum):
    """What an order is for."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    EXIT = "exit"  #: closes a round trip: time, a reversed signal, a person
    FLATTEN = "flatten"  #: closes a position for the kill switch


class RoundTrip(Model):
    """
    One trade of a strategy, from its plan to the last share sold: all its orders hang on it.

    Prices in contract currency; quantities in shares, `quantity` as planned. A strategy holds at
    most one open round trip per account and instrument.
    """

    __tablename__ = "round_trips"
    __table_args__ = (
        Index(
            "round_trips_one_open",
            "strategy_id",
            "account",
            "conid",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("round_trips_of_account", "account", "opened_at"),
        Index("round_trips_of_execution", "execution_id", unique=True),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    account: Mapped[str]
    strategy_id: Mapped[int]
    strategy_version: Mapped[int]
    strategy_name: Mapped[str]
    """As it was called then."""
    execution_id: Mapped[int] = mapped_column(BigInteger)
    """Whose signal it follows."""
    is_paper: Mapped[bool]
    is_simulated: Mapped[bool]
    symbol: Mapped[str]
    conid: Mapped[int]
    currency: Mapped[str]
    side: Mapped[str]
    """BUY for a long one, SELL for a short one."""
    quantity: Mapped[Decimal]
    decision_price: Mapped[Decimal]
    """At which it was decided: slippage is measured from it."""
    stop: Mapped[Decimal]
    """The first one: R is its distance from the entry's average price."""
    document: Mapped[dict[str, Any]]
    """Plan, exits and what the limits said. `orders/keeping.py` is its one writer and reader."""
    planned_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]
    """Its first fill."""
    closed_at: Mapped[datetime | None]
    """Its last fill, or the moment when it was clear that there would be none."""
    entry_reason: Mapped[str]
    exit_reason: Mapped[str | None]
    """stop, target, time, trailing, reversal, flatten, hand, not_filled, refused, withdrawn."""
    entered: Mapped[Decimal] = mapped_column(default=Decimal(0))
    """Shares bought (of a long one) so far, beside those that left again."""
    entry_price: Mapped[Decimal | None]
    left: Mapped[Decimal] = mapped_column(default=Decimal(0))
    exit_price: Mapped[Decimal | None]
    commission: Mapped[Decimal] = mapped_column(default=Decimal(0))
    gross_pnl: Mapped[Decimal | None]
    """Of what left, before costs."""
    best_price: Mapped[Decimal | None]
    """The best and the worst that the market showed while it was open, for MFE and MAE."""
    worst_price: Mapped[Decimal | None]


class Order(Model):
    """An order of ours. Its row is committed before anything goes out."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("orders_by_client_id", "client_order_id", unique=True),
        Index("orders_by_broker_id", "account", "broker_order_id"),
        Index(
            "orders_open",
            "account",
            "id",
            postgresql_where=text("done_at IS NULL"),
        ),
        Index("orders_by_time", "created_at"),
        Index("orders_by_change", "updated_at"),
        Index("orders_of_round_trip", "round_trip_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    client_order_id: Mapped[str]
    account: Mapped[str]
    broker_order_id: Mapped[str | None]
    round_trip_id: Mapped[int | None] = mapped_column(ForeignKey("round_trips.id"))
    """None for one that closes what no strategy opened."""
    strategy_id: Mapped[int | None]
    execution_id: Mapped[int | None] = mapped_column(BigInteger)
    """Whose step made it; None for an exit that no execution asked for."""
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    role: Mapped[Role]
    symbol: Mapped[str]
    conid: Mapped[int]
    side: Mapped[str]
    order_type: Mapped[str]
    quantity: Mapped[Decimal]
    limit_price: Mapped[Decimal | None]
    stop_price: Mapped[Decimal | None]
    trail: Mapped[Decimal | None]
    tif: Mapped[str]
    outside_rth: Mapped[bool] = mapped_column(default=False)
    state: Mapped[OrderState]
    reason: Mapped[str | None]
    """Why it was refused, cancelled or withdrawn, in a sentence."""
    filled: Mapped[Decimal] = mapped_column(default=Decimal(0))
    average_price: Mapped[Decimal | None]
    commission: Mapped[Decimal] = mapped_column(default=Decimal(0))
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    sent_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class OrderTransition(Model):
    """Every change of an order's state or terms, append-only."""

    __tablename__ = "order_transitions"
    __table_args__ = (Index("order_transitions_of_order", "order_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    at: Mapped[datetime]
    before: Mapped[OrderState | None]
    after: Mapped[OrderState]
    by: Mapped[str]
    """`worker:...`, `tracker`, `person:NAME`, `broker`."""
    sentence: Mapped[str]
    details: Mapped[dict[str, Any]]
    """What was seen or changed: the broker's row, new prices."""


class OrderQuestion(Model):
    """What the broker asked before it took an order, and who or what answered."""

    __tablename__ = "order_questions"
    __table_args__ = (Index("order_questions_of_order", "order_id"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    """The first order of the request."""
    asked_at: Mapped[datetime]
    reply_id: Mapped[str]
    message_ids: Mapped[list[str]]
    text: Mapped[str]
    answer: Mapped[str | None]
    """yes, no, or None while nobody has answered."""
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None]
    """`policy: NAME` or `person:NAME`."""


class ClosingState(StrEnum):
    ASKED = "asked"  #: nothing was done yet
    CANCELLING = "cancelling"  #: its orders are being cancelled; the broker has not shown it yet
    SENT = "sent"  #: the one exit order is kept, and went out or is about to
    DONE = "done"  #: nothing is held any more
    FAILED = "failed"  #: a person has to look: the outcome says at what


class Closing(Model):
    """
    Somebody or something wants a round trip closed, or a position that no strategy opened.

    It is kept before anything is cancelled, so that whoever comes after a crash goes on with it.
    `orders/closing.py` carries it out, with one exit order at most.
    """

    __tablename__ = "closings"
    __table_args__ = (
        Index(
            "closings_open_of_round_trip",
            "round_trip_id",
            unique=True,
            postgresql_where=text("done_at IS NULL AND round_trip_id IS NOT NULL"),
        ),
        Index(
            "closings_open_of_position",
            "account",
            "conid",
            unique=True,
            postgresql_where=text("done_at IS NULL AND round_trip_id IS NULL"),
        ),
        Index("closings_of_halt", "halt_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    account: Mapped[str]
    conid: Mapped[int]
    symbol: Mapped[str]
    round_trip_id: Mapped[int | None] = mapped_column(ForeignKey("round_trips.id"))
    """None for a position that no strategy opened."""
    halt_id: Mapped[int | None]
    """The kill switch that it is for: each closes a round trip or a position once."""
    reason: Mapped[str]
    """time, reversal, flatten or hand; the exit reason of the round trip."""
    asked_at: Mapped[datetime]
    asked_by: Mapped[str]
    state: Mapped[ClosingState]
    outcome: Mapped[str]
    """How it stands, in a sentence."""
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    """Its exit order."""
    looked_at: Mapped[datetime | None]
    seen_quantity: Mapped[Decimal | None]
    """What the broker showed where that is not what our fills say, and since when."""
    seen_since: Mapped[datetime | None]
    done_at: Mapped[datetime | None]


class Approval(Model):
    """A person was asked whether an order may go out."""

    __tablename__ = "approvals"
    __table_args__ = (
        Index("approvals_of_execution", "execution_id", unique=True),
        Index("approvals_waiting", "expires_at", postgresql_where=text("state = 'waiting'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    execution_id: Mapped[int] = mapped_column(BigInteger)
    strategy_id: Mapped[int]
    strategy_name: Mapped[str]
    account: Mapped[str]
    symbol: Mapped[str]
    side: Mapped[str]
    quantity: Mapped[Decimal]
    state: Mapped[ApprovalState]
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    comment: Mapped[str] = mapped_column(default="")
    document: Mapped[dict[str, Any]]
    """Plan, quote and preview when asked. `portfolio/approvals.py` is its one writer and reader."""
