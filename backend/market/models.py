"""Contracts and bars as they were fetched, and how far each series is complete."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.database import Model
from backend.core.values import Timeframe


class Contract(Model):
    """One tradable contract; fields as in `brokers.base.Contract`."""

    __tablename__ = "contracts"
    __table_args__ = (Index("ix_contracts_symbol", "symbol"),)

    conid: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    symbol: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(256))
    exchange: Mapped[str] = mapped_column(String(32))
    currency: Mapped[str] = mapped_column(String(8))
    security_type: Mapped[str] = mapped_column(String(16))
    tick: Mapped[Decimal]
    lot: Mapped[Decimal]
    calendar: Mapped[str] = mapped_column(String(16))
    timezone: Mapped[str] = mapped_column(String(64))
    fetched_at: Mapped[datetime]


class ContractSearch(Model):
    """What the broker answered to one question about contracts, also when it was "none"."""

    __tablename__ = "contract_searches"
    __table_args__ = (CheckConstraint("kind in ('search', 'stocks')", name="kind"),)

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    """`search` by symbol or name, or `stocks` listed under exactly this symbol."""
    query: Mapped[str] = mapped_column(String(128), primary_key=True)
    """In upper case, without blanks around it."""
    answer: Mapped[dict[str, Any]]
    """`{"version": 1, "matches": [...]}`, written and read by `contracts.py` alone."""
    fetched_at: Mapped[datetime]


class Bar(Model):
    """A closed bar. Never changed: a re-adjusted series is deleted and written anew."""

    __tablename__ = "bars"

    conid: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    timeframe: Mapped[Timeframe] = mapped_column(primary_key=True)
    time: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Start of the bar, UTC milliseconds."""
    open: Mapped[Decimal]
    high: Mapped[Decimal]
    low: Mapped[Decimal]
    close: Mapped[Decimal]
    volume: Mapped[Decimal]
    fetched_at: Mapped[datetime]


class BarCoverage(Model):
    """The one unbroken stretch of a series that `bars` holds completely."""

    __tablename__ = "bar_coverage"

    conid: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    timeframe: Mapped[Timeframe] = mapped_column(primary_key=True)
    from_ms: Mapped[int] = mapped_column(BigInteger)
    """Every bar that the broker has from this start on is here ..."""
    to_ms: Mapped[int] = mapped_column(BigInteger)
    """... up to the one that closed at this moment."""
    is_delayed: Mapped[bool]
    """What the broker said of the data when it was last asked."""
    quality: Mapped[dict[str, Any]]
    """`{"version": 1, "score": ..., "breaches": [codes]}` of the last fetch."""
    fetched_at: Mapped[datetime]


class BarFetch(Model):
    """A series that a person had fetched; the row tells how far that is."""

    __tablename__ = "bar_fetches"
    __table_args__ = (
        Index("bar_fetches_by_series", "conid", "timeframe", "id"),
        # One at a time for each series.
        Index(
            "bar_fetches_unfinished",
            "conid",
            "timeframe",
            unique=True,
            postgresql_where=text("finished_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    conid: Mapped[int] = mapped_column(BigInteger, ForeignKey("contracts.conid"))
    timeframe: Mapped[Timeframe]
    count: Mapped[int]
    """How many bars at least."""
    is_anew: Mapped[bool]
    """All of it anew, not only what is missing."""
    requested_at: Mapped[datetime]
    requested_by: Mapped[str]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    bars: Mapped[int | None]
    """How many bars came."""
    problem: Mapped[str | None]
    """Why none did, in a sentence."""
