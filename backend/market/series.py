"""Closed bars in the database: what is there, what is missing, and adding to it safely."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Double, cast, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.brokers import base
from backend.core.values import COLUMNS, Bars, Timeframe
from backend.market.models import Bar, BarCoverage, Contract

# So many stored bars are fetched again to see whether the broker still tells the same story.
OVERLAP = 5
# What the columns keep; the broker may send more digits.
_STORED = Decimal("1e-8")
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Key:
    """One series: a contract's bars of one length."""

    conid: int
    timeframe: Timeframe


@dataclass(frozen=True)
class Stretch:
    """What is stored without a hole: starts from `from_ms` on, up to the close at `to_ms`."""

    from_ms: int
    to_ms: int
    is_delayed: bool


@dataclass(frozen=True, kw_only=True)
class SeriesCoverage:
    conid: int
    symbol: str | None
    timeframe: Timeframe
    bars: int
    from_ms: int
    to_ms: int
    is_delayed: bool
    quality: dict[str, Any]
    fetched_at: datetime


def stretch(session: Session, key: Key) -> Stretch | None:
    row = session.execute(
        select(BarCoverage.from_ms, BarCoverage.to_ms, BarCoverage.is_delayed).where(
            BarCoverage.conid == key.conid, BarCoverage.timeframe == key.timeframe
        )
    ).one_or_none()
    return None if row is None else Stretch(*row)


def edges(session: Session, key: Key) -> tuple[int, int]:
    """Starts of the last of the `OVERLAP` first stored bars, and of the first of the last ones."""
    times = select(Bar.time).where(Bar.conid == key.conid, Bar.timeframe == key.timeframe)
    head = session.scalars(times.order_by(Bar.time).limit(OVERLAP)).all()
    tail = session.scalars(times.order_by(Bar.time.desc()).limit(OVERLAP)).all()
    return head[-1], tail[-1]


def last_bars(session: Session, key: Key, count: int, before_ms: int) -> Bars:
    """Up to `count` stored bars that start before the moment, oldest first."""
    columns = (Bar.time, *(cast(getattr(Bar, name), Double) for name in COLUMNS[1:]))
    rows = session.execute(
        select(*columns)
        .where(Bar.conid == key.conid, Bar.timeframe == key.timeframe, Bar.time < before_ms)
        .order_by(Bar.time.desc())
        .limit(count)
    ).all()
    return Bars.from_rows(key.timeframe, rows[::-1])


def bars_from(session: Session, key: Key, start_ms: int) -> Bars:
    """The stored bars that start at the moment or later, oldest first."""
    columns = (Bar.time, *(cast(getattr(Bar, name), Double) for name in COLUMNS[1:]))
    rows = session.execute(
        select(*columns)
        .where(Bar.conid == key.conid, Bar.timeframe == key.timeframe, Bar.time >= start_ms)
        .order_by(Bar.time)
    ).all()
    return Bars.from_rows(key.timeframe, rows)


def lock(session: Session, key: Key) -> None:
    """Until the transaction ends, nobody else adds to or replaces this series."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"bars:{key.conid}:{key.timeframe.value}"},
    )


def agrees(session: Session, key: Key, bars: list[base.Bar]) -> bool:
    """
    Whether the stored bars among these have the same prices.

    They have not after a split or when the broker corrected itself. Volumes are left out: late
    trades are added to them for days.
    """
    if not bars:
        return True
    fetched = {bar.time: bar for bar in bars}
    columns = (Bar.time, *(getattr(Bar, name) for name in _PRICES))
    stored = session.execute(
        select(*columns).where(
            Bar.conid == key.conid,
            Bar.timeframe == key.timeframe,
            Bar.time.between(min(fetched), max(fetched)),
        )
    )
    return all(
        abs(getattr(fetched[time], name) - price) <= _STORED
        for time, *prices in stored
        if time in fetched
        for name, price in zip(_PRICES, prices, strict=True)
    )


def add(session: Session, key: Key, bars: list[base.Bar], now: datetime) -> None:
    """Closed bars never change, so what is there already stays."""
    rows = [
        {name: getattr(bar, name) for name in COLUMNS}
        | {"conid": key.conid, "timeframe": key.timeframe, "fetched_at": now}
        for bar in bars
    ]
    if rows:
        session.execute(insert(Bar.__table__).on_conflict_do_nothing(), rows)  # type: ignore[arg-type]


def remove(session: Session, key: Key) -> None:
    for table in (Bar, BarCoverage):
        session.execute(
            delete(table).where(table.conid == key.conid, table.timeframe == key.timeframe)
        )


def cover(
    session: Session, key: Key, from_ms: int, to_ms: int, *, is_delayed: bool, now: datetime
) -> None:
    """Widen the stretch; the caller holds the lock and has seen that the parts touch."""
    statement = insert(BarCoverage).values(
        conid=key.conid,
        timeframe=key.timeframe,
        from_ms=from_ms,
        to_ms=to_ms,
        is_delayed=is_delayed,
        quality={"version": 1, "score": None, "breaches": []},
        fetched_at=now,
    )
    new = statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["conid", "timeframe"],
            set_={
                "from_ms": func.least(BarCoverage.from_ms, new.from_ms),
                "to_ms": func.greatest(BarCoverage.to_ms, new.to_ms),
                "is_delayed": new.is_delayed,
                "fetched_at": new.fetched_at,
            },
        )
    )


def note_quality(session: Session, key: Key, score: float, breaches: list[str]) -> None:
    session.execute(
        update(BarCoverage)
        .where(BarCoverage.conid == key.conid, BarCoverage.timeframe == key.timeframe)
        .values(quality={"version": 1, "score": score, "breaches": breaches})
    )


def listing(session: Session) -> list[SeriesCoverage]:
    """Every stored series, by symbol and length."""
    numbers = (
        select(Bar.conid, Bar.timeframe, func.count().label("bars"))
        .group_by(Bar.conid, Bar.timeframe)
        .subquery()
    )
    rows = session.execute(
        select(BarCoverage, Contract.symbol, numbers.c.bars)
        .outerjoin(Contract, Contract.conid == BarCoverage.conid)
        .join(
            numbers,
            (numbers.c.conid == BarCoverage.conid) & (numbers.c.timeframe == BarCoverage.timeframe),
        )
    )
    found = [
        SeriesCoverage(
            conid=row.conid,
            symbol=symbol,
            timeframe=row.timeframe,
            bars=count,
            from_ms=row.from_ms,
            to_ms=row.to_ms,
            is_delayed=row.is_delayed,
            quality=row.quality,
            fetched_at=row.fetched_at,
        )
        for row, symbol, count in rows
    ]
    return sorted(found, key=lambda item: (item.symbol or "", item.conid, item.timeframe.seconds))
