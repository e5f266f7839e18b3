"""What the list of executions shows around its rows: counts, a plot, what can be chosen."""

from dataclasses import dataclass, replace
from datetime import datetime
from math import log10

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from backend.executions import service
from backend.executions.models import Execution, Status
from backend.executions.service import Filters
from backend.strategies.models import Strategy
from backend.workflow.outcome import Outcome

MANY = 10_000
"""Counts go on no further: to count is the one thing here that grows with the table."""
POINTS = 200


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many executions the filters leave, by status of unfinished ones and by outcome."""

    by_state: dict[str, int]
    is_exact: bool
    """False when there may be more of each than was counted."""

    def of(self, state: str) -> str:
        """As a tab shows it: 12, 3,400 or 10,000+."""
        count = self.by_state.get(state, 0)
        return f"{MANY:,}+" if count > MANY else f"{count:,}{'' if self.is_exact else '+'}"

    @property
    def all(self) -> str:
        total = sum(self.by_state.values())
        is_exact = self.is_exact and max(self.by_state.values(), default=0) <= MANY
        return f"{total:,}" if is_exact else f"{MANY:,}+"


def count(session: Session, filters: Filters) -> Counts:
    """Whatever status, outcome and place in the list the filters name: tabs show them all."""
    filters = replace(filters, status=None, outcome=None, before=None, after=None)
    if filters == Filters():
        return Counts(by_state=_all_of_each(session), is_exact=True)
    found = service.narrowed(select(Execution.status, Execution.outcome), session, filters)
    # Enough of each for its tab, and an end to it where there are a million.
    some = found.limit(5 * MANY).subquery()
    rows = session.execute(
        select(some.c.status, some.c.outcome, func.count()).group_by(some.c.status, some.c.outcome)
    ).all()
    by_state = {str(outcome or status): number for status, outcome, number in rows}
    return Counts(by_state=by_state, is_exact=sum(by_state.values()) < 5 * MANY)


# Each is counted by its index, up to one more than is shown. The order is the index's own: without
# it the whole table may be read for an outcome that is rare.
_OF_EACH = text("""
SELECT state, (SELECT count(*) FROM (
    SELECT 1 FROM executions WHERE outcome = state AND replay_of IS NULL
    ORDER BY id DESC LIMIT :enough) AS found)
FROM unnest(CAST(:outcomes AS text[])) AS state
UNION ALL
SELECT status, count(*) FROM executions WHERE status <> 'finished' AND replay_of IS NULL
GROUP BY status
""")


def _all_of_each(session: Session) -> dict[str, int]:
    parameters = {"enough": MANY + 1, "outcomes": list(Outcome)}
    return {state: number for state, number in session.execute(_OF_EACH, parameters)}


@dataclass(frozen=True, kw_only=True)
class Point:
    """A finished execution in the plot of durations; `x` and `y` from 0 at the lower left to 1."""

    x: float
    y: float
    state: str
    title: str
    href: str


@dataclass(frozen=True, kw_only=True)
class Scatter:
    points: list[Point]
    x_labels: list[tuple[float, str]]
    y_labels: list[tuple[float, str]]

    @property
    def states(self) -> list[str]:
        """Those that occur, for the key of colours."""
        return sorted({point.state for point in self.points})


def scatter(session: Session, filters: Filters) -> Scatter | None:
    """Durations of the newest executions that the filters leave; None below two."""
    filters = replace(filters, before=None, after=None)
    query = service.narrowed(
        select(
            Execution.id,
            Execution.symbol,
            Execution.outcome,
            Execution.finished_at,
            func.extract("epoch", Execution.finished_at - Execution.started_at),
        ),
        session,
        filters,
    ).where(Execution.finished_at.is_not(None), Execution.started_at.is_not(None))
    by = Execution.id if filters.words is None else Execution.id + 0
    rows = session.execute(query.order_by(by.desc()).limit(POINTS)).all()
    if len(rows) < 2:
        return None
    return _plot(
        [
            (execution_id, symbol, str(outcome), moment, max(0.001, float(seconds)))
            for execution_id, symbol, outcome, moment, seconds in rows
            if moment is not None
        ]
    )


_MARKS = (0.001, 0.01, 0.1, 1, 10, 60, 600, 3600)
"""Seconds that get a line of their own."""


def _plot(rows: list[tuple[int, str, str, datetime, float]]) -> Scatter:
    """Time along, seconds up, by their logarithm: milliseconds and minutes both show."""
    moments = [moment.timestamp() for *_, moment, _ in rows]
    first, last = min(moments), max(moments)
    lowest = 10 ** int(log10(min(row[4] for row in rows)) - 1)
    low, high = log10(lowest), log10(max(max(row[4] for row in rows), lowest * 10)) + 0.05
    points = [
        Point(
            x=(moment.timestamp() - first) / ((last - first) or 1),
            y=(log10(seconds) - low) / (high - low),
            state=outcome,
            title=f"{symbol}: {outcome} after {seconds:.1f} s, {moment:%Y-%m-%d %H:%M} UTC",
            href=f"/executions/{execution_id}",
        )
        for execution_id, symbol, outcome, moment, seconds in rows
    ]
    ends = (min(row[3] for row in rows), max(row[3] for row in rows))
    return Scatter(
        points=points,
        x_labels=[(0.0, f"{ends[0]:%d %b %H:%M}"), (0.9, f"{ends[1]:%d %b %H:%M}")],
        y_labels=[
            ((log10(mark) - low) / (high - low), _spoken(mark))
            for mark in _MARKS
            if low <= log10(mark) <= high
        ],
    )


def _spoken(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.0f} min"


# Jumps from one symbol to the next along the index, instead of reading all of it.
_SYMBOLS = text("""
WITH RECURSIVE known AS (
  (SELECT symbol FROM executions ORDER BY symbol LIMIT 1)
  UNION ALL
  SELECT (SELECT symbol FROM executions WHERE symbol > known.symbol ORDER BY symbol LIMIT 1)
  FROM known WHERE known.symbol IS NOT NULL
)
SELECT symbol FROM known WHERE symbol IS NOT NULL LIMIT 500
""")


def symbols(session: Session) -> list[str]:
    """Every symbol that was ever run, up to 500."""
    return list(session.scalars(_SYMBOLS))


def strategies(session: Session) -> list[tuple[int, str]]:
    """Id and name, archived ones too: their executions are still there."""
    rows = session.execute(select(Strategy.id, Strategy.name).order_by(Strategy.name))
    return [(strategy_id, name) for strategy_id, name in rows]


STATES = (Status.QUEUED, Status.RUNNING, Status.WAITING, Status.PARKED, *Outcome)
"""The tabs, in their order."""
