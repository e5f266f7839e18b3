"""How far each stored series is complete, session by session, held against the calendar."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
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
PAGE = 15
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
    def runs(self) -> list[tuple[int, list[Cell]]]:
        """Neighbours of one state together, each with its place: a page of many maps is lighter."""
        grouped = groupby(enumerate(self.cells), key=lambda item: item[1].state)
        runs = [list(run) for _, run in grouped]
        return [(run[0][0], [cell for _, cell in run]) for run in runs]

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
    groups: dict[tuple[str, Timeframe], list[tuple[BarCoverage, ContractRow]]] = {}
    for coverage, contract in rows:
        groups.setdefault((contract.calendar, coverage.timeframe), []).append((coverage, contract))
    found = []
    for (calendar, timeframe), group in groups.items():
        grid = _grid(calendars.calendar(calendar), timeframe, now)
        stored = _stored(session, grid, [coverage.conid for coverage, _ in group])
        found += [
            _series(grid, coverage, contracts.of_row(contract), totals, stored)
            for coverage, contract in group
        ]
    return sorted(found, key=lambda s: (s.contract.symbol, s.contract.conid, s.timeframe.seconds))


@dataclass(frozen=True)
class _Grid:
    """The cells of every series of one timeframe on one calendar, worked out once."""

    calendar: Calendar
    timeframe: Timeframe
    now_ms: int
    edges: IntArray
    """When each cell begins: a session's opening, or the bar itself where bars are longer."""
    starts: IntArray
    """Of the bars that have closed by now."""

    def per_cell(self, starts: IntArray) -> IntArray:
        rows = np.searchsorted(self.edges, starts, side="right") - 1
        return np.bincount(rows, minlength=len(self.edges)).astype(np.int64)


def _grid(calendar: Calendar, timeframe: Timeframe, now: datetime) -> _Grid:
    unit = Timeframe.DAY if timeframe.is_intraday else timeframe
    reach = timedelta(seconds=2 * SHOWN * unit.seconds) + timedelta(days=40)
    edges = expected_starts(calendar, unit, now - reach, now)[-SHOWN:]
    starts = expected_starts(
        calendar, timeframe, from_ms(int(edges[0])) if len(edges) else now, now
    )
    starts = starts[bar_close_ms(calendar, timeframe, starts) <= to_ms(now)]
    return _Grid(calendar, timeframe, to_ms(now), edges, starts)


def _totals(session: Session, conids: Sequence[int]) -> dict[tuple[int, Timeframe], int]:
    query = select(Bar.conid, Bar.timeframe, func.count()).group_by(Bar.conid, Bar.timeframe)
    rows = session.execute(query.where(Bar.conid.in_(conids)))
    return {(conid, timeframe): count for conid, timeframe, count in rows}


def _stored(session: Session, grid: _Grid, conids: Sequence[int]) -> dict[tuple[int, int], int]:
    """(Contract, cell) -> how many bars are stored."""
    if not len(grid.edges):
        return {}
    bounds = cast(literal(grid.edges.tolist(), ARRAY(BigInteger)), ARRAY(BigInteger))
    cell = func.width_bucket(Bar.time, bounds)
    query = (
        select(Bar.conid, cell - 1, func.count())
        .where(Bar.conid.in_(conids), Bar.timeframe == grid.timeframe)
        .where(Bar.time >= int(grid.edges[0]))
        .group_by(Bar.conid, cell)
    )
    return {(conid, place): count for conid, place, count in session.execute(query)}


def _series(
    grid: _Grid,
    coverage: BarCoverage,
    contract: Contract,
    totals: dict[tuple[int, Timeframe], int],
    stored: dict[tuple[int, int], int],
) -> StoredSeries:
    quality: dict[str, Any] = coverage.quality
    return StoredSeries(
        contract=contract,
        timeframe=coverage.timeframe,
        bars=totals.get((coverage.conid, coverage.timeframe), 0),
        starts_at=from_ms(coverage.from_ms),
        ends_at=from_ms(coverage.to_ms),
        behind=_behind(grid, coverage.to_ms),
        is_delayed=coverage.is_delayed,
        score=quality["score"],
        breaches=list(quality["breaches"]),
        fetched_at=coverage.fetched_at,
        cells=_cells(grid, coverage, stored),
    )


def _behind(grid: _Grid, since: int) -> int:
    # The longest bar that may close right after `since` began a month before.
    reach = timedelta(seconds=grid.timeframe.seconds, days=1)
    starts = expected_starts(
        grid.calendar, grid.timeframe, from_ms(since) - reach, from_ms(grid.now_ms)
    )
    closes = bar_close_ms(grid.calendar, grid.timeframe, starts)
    return int(np.sum((closes > since) & (closes <= grid.now_ms)))


def _cells(grid: _Grid, coverage: BarCoverage, stored: dict[tuple[int, int], int]) -> list[Cell]:
    """The last `SHOWN` of them up to now, oldest first."""
    is_covered = (grid.starts >= coverage.from_ms) & (grid.starts < coverage.to_ms)
    expected, covered = grid.per_cell(grid.starts), grid.per_cell(grid.starts[is_covered])
    return [
        Cell(
            start=from_ms(int(edge)),
            expected=int(expected[row]),
            covered=int(covered[row]),
            stored=stored.get((coverage.conid, row), 0),
        )
        for row, edge in enumerate(grid.edges)
    ]
