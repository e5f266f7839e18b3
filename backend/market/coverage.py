"""How far each stored series is complete, session by session, held against the calendar."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
from sqlalchemy import BigInteger, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from backend.brokers.base import Contract
from backend.core.clock import from_ms, to_ms
from backend.core.values import IntArray, Timeframe
from backend.exchange import calendars
from backend.exchange.calendars import Calendar
from backend.exchange.sessions import bar_close_ms, expected_starts
from backend.market import contracts
from backend.market.models import Bar, BarCoverage
from backend.market.models import Contract as ContractRow

SHOWN = 60
"""Cells of a map: the last sessions, or weeks, or months."""
PAGE = 20
"""Symbols on one page."""

CellState = Literal["whole", "part", "none", "outside", "open"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """
    One session, or one bar where bars are longer: `whole` or in `part` stored, `none` of it though
    its neighbours are, `outside` of what is stored, or `open`: not closed yet.
    """

    start: datetime
    expected: int
    """Bars that have closed by now."""
    covered: int
    """Those of them that lie within what was fetched."""
    stored: int

    @property
    def state(self) -> CellState:
        if self.stored:
            return "whole" if self.stored >= self.expected else "part"
        if self.covered:
            return "none"
        return "outside" if self.expected else "open"

    @property
    def missing(self) -> int:
        return max(0, self.covered - self.stored)


@dataclass(frozen=True, kw_only=True)
class StoredSeries:
    contract: Contract
    timeframe: Timeframe
    bars: int
    starts_at: datetime
    ends_at: datetime
    """When the last stored bar closed."""
    behind: int
    """Bars that have closed since, as far as the calendar knows."""
    is_delayed: bool
    score: float | None
    breaches: list[str]
    fetched_at: datetime
    cells: list[Cell]

    @property
    def missing(self) -> int:
        """Bars that were fetched for and did not come, within the cells that are shown."""
        return sum(cell.missing for cell in self.cells)


def symbols(session: Session, *, after: str = "", query: str = "") -> list[str]:
    """Symbols of which bars are stored, in their order; at most a page and one more."""
    wanted = (
        select(ContractRow.symbol)
        .join(BarCoverage, BarCoverage.conid == ContractRow.conid)
        .where(ContractRow.symbol > after)
        .distinct()
        .order_by(ContractRow.symbol)
        .limit(PAGE + 1)
    )
    if query:
        text = query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        wanted = wanted.where(
            ContractRow.symbol.ilike(f"{text}%") | ContractRow.name.ilike(f"%{text}%")
        )
    return list(session.scalars(wanted))


def of_symbols(session: Session, names: Sequence[str], now: datetime) -> list[StoredSeries]:
    """Every stored series of these symbols, by symbol and length."""
    rows = session.execute(
        select(BarCoverage, ContractRow)
        .join(ContractRow, ContractRow.conid == BarCoverage.conid)
        .where(ContractRow.symbol.in_(names))
    ).all()
    totals = _totals(session, [coverage.conid for coverage, _ in rows])
    found = [
        _series(session, coverage, contracts.of_row(row), totals, now) for coverage, row in rows
    ]
    return sorted(found, key=lambda s: (s.contract.symbol, s.contract.conid, s.timeframe.seconds))


def _totals(session: Session, conids: Sequence[int]) -> dict[tuple[int, Timeframe], int]:
    query = select(Bar.conid, Bar.timeframe, func.count()).group_by(Bar.conid, Bar.timeframe)
    rows = session.execute(query.where(Bar.conid.in_(conids)))
    return {(conid, timeframe): count for conid, timeframe, count in rows}


def _series(
    session: Session,
    coverage: BarCoverage,
    contract: Contract,
    totals: dict[tuple[int, Timeframe], int],
    now: datetime,
) -> StoredSeries:
    calendar, timeframe = calendars.calendar(contract.calendar), coverage.timeframe
    quality: dict[str, Any] = coverage.quality
    return StoredSeries(
        contract=contract,
        timeframe=timeframe,
        bars=totals.get((coverage.conid, timeframe), 0),
        starts_at=from_ms(coverage.from_ms),
        ends_at=from_ms(coverage.to_ms),
        behind=_behind(calendar, timeframe, coverage.to_ms, now),
        is_delayed=coverage.is_delayed,
        score=quality["score"],
        breaches=list(quality["breaches"]),
        fetched_at=coverage.fetched_at,
        cells=cells(session, calendar, coverage, now),
    )


def _behind(calendar: Calendar, timeframe: Timeframe, since: int, now: datetime) -> int:
    # The longest bar that may close right after `since` began a month before.
    reach = timedelta(seconds=timeframe.seconds, days=1)
    starts = expected_starts(calendar, timeframe, from_ms(since) - reach, now)
    closes = bar_close_ms(calendar, timeframe, starts)
    return int(np.sum((closes > since) & (closes <= to_ms(now))))


def cells(session: Session, calendar: Calendar, coverage: BarCoverage, now: datetime) -> list[Cell]:
    """The last `SHOWN` of them up to now, oldest first."""
    timeframe = coverage.timeframe
    edges = _edges(calendar, timeframe, now)
    if not len(edges):
        return []
    starts = expected_starts(calendar, timeframe, from_ms(int(edges[0])), now)
    starts = starts[bar_close_ms(calendar, timeframe, starts) <= to_ms(now)]
    is_covered = (starts >= coverage.from_ms) & (starts < coverage.to_ms)
    expected, covered = _per_cell(edges, starts), _per_cell(edges, starts[is_covered])
    stored = _stored(session, coverage, edges)
    return [
        Cell(
            start=from_ms(int(edge)),
            expected=int(expected[row]),
            covered=int(covered[row]),
            stored=stored.get(row, 0),
        )
        for row, edge in enumerate(edges)
    ]


def _edges(calendar: Calendar, timeframe: Timeframe, now: datetime) -> IntArray:
    """When each cell begins: a session's opening, or the bar itself where bars are longer."""
    unit = Timeframe.DAY if timeframe.is_intraday else timeframe
    reach = timedelta(seconds=2 * SHOWN * unit.seconds) + timedelta(days=40)
    return expected_starts(calendar, unit, now - reach, now)[-SHOWN:]


def _per_cell(edges: IntArray, starts: IntArray) -> IntArray:
    rows = np.searchsorted(edges, starts, side="right") - 1
    return np.bincount(rows, minlength=len(edges)).astype(np.int64)


def _stored(session: Session, coverage: BarCoverage, edges: IntArray) -> dict[int, int]:
    bounds = cast(literal(edges.tolist(), ARRAY(BigInteger)), ARRAY(BigInteger))
    row = func.width_bucket(Bar.time, bounds)
    query = (
        select(row - 1, func.count())
        .where(Bar.conid == coverage.conid, Bar.timeframe == coverage.timeframe)
        .where(Bar.time >= int(edges[0]))
        .group_by(row)
    )
    return {place: count for place, count in session.execute(query)}
