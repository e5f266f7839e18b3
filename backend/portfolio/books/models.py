"""Fills, corrections of our books, and differences from the broker's."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.database import Model


class AccountBooks(Model):
    """Since when we keep books of an account, and how lately they were laid beside the broker's."""

    __tablename__ = "account_books"

    account: Mapped[str] = mapped_column(primary_key=True)
    opened_at: Mapped[datetime | None]
    """The first look: what was held then counts as held before."""
    read_at: Mapped[datetime | None]
    """Orders and fills were read whole."""
    looked_at: Mapped[datetime | None]
    """Positions were compared."""
    followed_by: Mapped[str | None]
    """The tracker that follows it."""
    stream_since: Mapped[datetime | None]
    """None while its stream is down, and only readings tell."""


class Fill(Model):
    """One execution at the broker. Without `order_id` it was made elsewhere, by nobody of us."""

    __tablename__ = "fills"
    __table_args__ = (
        Index("fills_of_order", "order_id"),
        Index("fills_of_instrument", "account", "conid", "at"),
        Index("fills_by_time", "at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    """The broker's own."""
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    account: Mapped[str] = mapped_column(primary_key=True)
    broker_order_id: Mapped[str]
    symbol: Mapped[str]
    conid: Mapped[int]
    side: Mapped[str]
    quantity: Mapped[Decimal]
    price: Mapped[Decimal]
    commission: Mapped[Decimal | None]
    """None until the broker has told it."""
    at: Mapped[datetime]
    seen_at: Mapped[datetime]
    seen_by: Mapped[str]
    """`stream` or `reading`."""


class Adjustment(Model):
    """What we hold beside our own fills: held before, or explained by a person."""

    __tablename__ = "position_adjustments"
    __table_args__ = (Index("position_adjustments_of_instrument", "account", "conid"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    account: Mapped[str]
    conid: Mapped[int]
    symbol: Mapped[str]
    quantity: Mapped[Decimal]
    """Shares added to our books; negative for some that went."""
    at: Mapped[datetime]
    by: Mapped[str]
    reason: Mapped[str]
    """`held_before`, or what a person wrote."""


class Drift(Model):
    """The broker holds another quantity than our books; while it is not explained, nothing new."""

    __tablename__ = "drifts"
    __table_args__ = (
        Index(
            "drifts_one_open",
            "account",
            "conid",
            unique=True,
            postgresql_where=text("explained_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    account: Mapped[str]
    conid: Mapped[int]
    symbol: Mapped[str]
    ours: Mapped[Decimal]
    brokers: Mapped[Decimal]
    seen_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    """Seen a second time: fills under way no longer explain it. Blocks from then on."""
    explained_at: Mapped[datetime | None]
    explained_by: Mapped[str | None]
    """A person, or `books` where it went away by itself."""
    explanation: Mapped[str | None]
