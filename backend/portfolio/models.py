"""Limits and halts that people set above the strategies, and what an account was worth."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.database import Model
from backend.trading.oversight import Meaning

Scope = Literal["all", "account", "strategy"]


class LimitsVersion(Model):
    """
    The limits of an account, or with an empty `account` those of everything, as saved at a moment.

    The newest one is in force; earlier ones stay. `backend/portfolio/limits.py` is the one writer
    and the one reader of `document`.
    """

    __tablename__ = "risk_limits"

    account: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class HaltRow(Model):
    """
    A switch that stops new orders of everything, an account or a strategy, until released.

    Where it means more than that, `portfolio/halting.py` carries it out.
    """

    __tablename__ = "halts"
    __table_args__ = (
        Index(
            "halts_one_in_force",
            "scope",
            "target",
            unique=True,
            postgresql_where=text("released_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    scope: Mapped[Scope] = mapped_column(String(16))
    target: Mapped[str]
    """An account's id or a strategy's number; empty for everything."""
    meaning: Mapped[Meaning] = mapped_column(String(16))
    reason: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[str]
    released_at: Mapped[datetime | None]
    released_by: Mapped[str | None]
    file_mark: Mapped[str | None]
    """Which writing of the file HALT it stands for, so that one is carried out once."""


class HaltProgress(Model):
    """
    How far a switch got in one account, as the broker told it last.

    `portfolio/halting.py` is the one writer and the one reader of `document`.
    """

    __tablename__ = "halt_progress"

    halt_id: Mapped[int] = mapped_column(ForeignKey("halts.id"), primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    looked_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]
    """Since when the broker shows nothing left of what it means; None while something is."""
    document: Mapped[dict[str, Any]]
    """What was cancelled and closed, what is left, and what stands in the way."""


class EquitySnapshot(Model):
    """What an account was worth at a moment, in its currency; looked at every few minutes."""

    __tablename__ = "equity_snapshots"
    __table_args__ = (
        Index("equity_snapshots_by_time", "account", "at"),
        Index("equity_snapshots_by_equity", "account", "equity"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str]
    at: Mapped[datetime]
    currency: Mapped[str]
    is_paper: Mapped[bool]
    is_simulated: Mapped[bool]
    cash: Mapped[Decimal]
    equity: Mapped[Decimal]
    buying_power: Mapped[Decimal]
    day_pnl: Mapped[Decimal | None]
    """Profit of the day, realised or not."""
    realized_pnl: Mapped[Decimal | None]
    gross_exposure: Mapped[Decimal | None]
    """Worth of all positions, working orders filled; None where not all of it was known."""
    net_exposure: Mapped[Decimal | None]
    largest_position: Mapped[Decimal | None]
    largest_three: Mapped[Decimal | None]
    open_positions: Mapped[int]


class AccountLook(Model):
    """
    All that the broker told of an account when it was looked at last; the next look replaces it.

    Pages show it, since to ask anew takes seconds. `looks.py` is the one writer and reader of
    `document`.
    """

    __tablename__ = "account_looks"

    account: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    document: Mapped[dict[str, Any]]


class LiveConfirmation(Model):
    """A person has typed that orders may move real money in an account."""

    __tablename__ = "live_confirmations"
    __table_args__ = (
        Index(
            "live_confirmations_one_in_force",
            "account",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str]
    confirmed_at: Mapped[datetime]
    confirmed_by: Mapped[str]
    typed: Mapped[str]
    """Letter by letter."""
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]
