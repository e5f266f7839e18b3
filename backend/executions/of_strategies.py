"""What strategies did of late: for pages that list them, in one question for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from backend.exchange import calendars
from backend.executions.models import Execution, Status
from backend.strategies.definition import schedule_of
from backend.strategies.models import Strategy, StrategyVersion
from backend.strategies.schedule import Schedule, exchange_of, explain_when
from backend.workflow.plan import STEP_NAMES

PAGE = 25
LAST = 30
"""How many outcomes a strip shows."""
COST_DAYS = 7

Switch = Literal["on", "off"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One execution as a strip and a play button need it."""

    id: int
    symbol: str
    status: str
    outcome: str | None
    reason: str | None
    signal_action: str | None
    due_at: datetime
    current_step: str | None
    is_simulated: bool | None

    @property
    def state(self) -> str:
        return self.outcome or self.status

    @property
    def is_under_way(self) -> bool:
        return self.status != Status.FINISHED

    @property
    def href(self) -> str:
        return f"/executions/{self.id}"

    @property
    def title(self) -> str:
        """What the tick of a strip says."""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.symbol}, {self.due_at:%Y-%m-%d %H:%M} UTC, {self.state}{why}"

    @property
    def step_number(self) -> int:
        """Which of the steps is running, counted from 1; 0 before the first."""
        return STEP_NAMES.index(self.current_step) + 1 if self.current_step in STEP_NAMES else 0


@dataclass(frozen=True, kw_only=True)
class Figures:
    """`runs` are the last ones, oldest first; money is in US dollars a day, over `COST_DAYS`."""

    runs: Sequence[Run] = ()
    cost_per_day: Decimal = Decimal(0)

    @property
    def last(self) -> Run | None:
        """The newest that has come to its end."""
        return next((run for run in reversed(self.runs) if not run.is_under_way), None)

    @property
    def under_way(self) -> list[Run]:
        return [run for run in self.runs if run.is_under_way]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A strategy as the list shows it."""

    id: int
    name: str
    is_enabled: bool
    next_due_at: datetime | None
    mode: str
    symbols: list[str]
    schedule: Schedule
    figures: Figures

    @property
    def zone(self) -> str:
        return zone_of(self.schedule)

    @property
    def when(self) -> str:
        return explain_when(self.schedule)


@dataclass(frozen=True, kw_only=True)
class Page:
    """Strategies in the order of their names; `before` and `after` name the neighbouring pages."""

    rows: list[Row]
    before: str | None
    after: str | None


def zone_of(schedule: Schedule) -> str:
    """The zone in which a trader thinks of this schedule: the exchange's, else its own."""
    exchange = exchange_of(schedule)
    return calendars.calendar(exchange).zone.key if exchange else schedule.timezone


def page(
    session: Session,
    now: datetime,
    *,
    search: str = "",
    switch: Switch | None = None,
    after: str | None = None,
    before: str | None = None,
) -> Page:
    """`after` and `before` are names: the page behind, or ahead of, that strategy."""
    query = _query(search, switch)
    is_backwards = before is not None and after is None
    if is_backwards:
        query = query.where(Strategy.name < before).order_by(Strategy.name.desc())
    else:
        query = query.where(Strategy.name > (after or "")).order_by(Strategy.name)
    found = list(session.execute(query.limit(PAGE + 1)))
    is_more, found = len(found) > PAGE, found[:PAGE]
    if is_backwards:
        found.reverse()
    by_id = figures(session, now, [row.id for row in found])
    rows = [_row(row, by_id.get(row.id, Figures())) for row in found]
    has_before = is_more if is_backwards else bool(after)
    has_after = bool(rows) if is_backwards else is_more
    return Page(
        rows=rows,
        before=rows[0].name if rows and has_before else None,
        after=rows[-1].name if rows and has_after else None,
    )


def counts(session: Session, search: str = "") -> dict[str, int]:
    """How many strategies are there, switched on, and switched off."""
    query = _query(search, None).with_only_columns(
        func.count(), func.count().filter(Strategy.is_enabled)
    )
    total, enabled = session.execute(query).one()
    return {"all": total, "on": enabled, "off": total - enabled}


def figures(session: Session, now: datetime, ids: list[int]) -> dict[int, Figures]:
    """By strategy; one that never ran is missing."""
    if not ids:
        return {}
    costs = _costs(session, now, ids)
    runs: dict[int, list[Run]] = {}
    for row in session.execute(_LAST_RUNS, {"ids": ids, "last": LAST}).mappings():
        values = dict(row)
        runs.setdefault(values.pop("strategy_id"), []).append(Run(**values))
    return {
        each: Figures(runs=runs[each][::-1], cost_per_day=costs.get(each, Decimal(0)) / COST_DAYS)
        for each in runs
    }


def under_way(session: Session, strategy_id: int) -> dict[str, int]:
    """Symbol -> execution, of those that are not finished."""
    query = select(Execution.symbol, Execution.id).where(
        Execution.strategy_id == strategy_id,
        Execution.status != Status.FINISHED,
        Execution.replay_of.is_(None),
    )
    return {symbol: execution_id for symbol, execution_id in session.execute(query)}


# By the index on (strategy_id, id): thirty rows for each strategy, however many there are.
_LAST_RUNS = text("""
SELECT strategy.id AS strategy_id, run.*
FROM unnest(CAST(:ids AS int[])) AS strategy(id)
CROSS JOIN LATERAL (
  SELECT id, symbol, status, outcome, reason, signal_action, due_at, current_step, is_simulated
  FROM executions WHERE strategy_id = strategy.id AND replay_of IS NULL
  ORDER BY id DESC LIMIT :last
) AS run
""")
# Ids are given out in the order of creation, give or take those that were made at one moment: the
# first id of the stretch spares reading all that came before it.
_COSTS = text("""
WITH first AS (
  SELECT id - 1000 AS id FROM executions WHERE created_at >= :since ORDER BY created_at LIMIT 1
)
SELECT strategy_id, sum(cost_usd) FROM executions
WHERE strategy_id = ANY(CAST(:ids AS int[])) AND id >= (SELECT id FROM first)
  AND created_at >= :since AND replay_of IS NULL
GROUP BY strategy_id
""")


def _costs(session: Session, now: datetime, ids: list[int]) -> dict[int, Decimal]:
    since = now - timedelta(days=COST_DAYS)
    return {row[0]: row[1] for row in session.execute(_COSTS, {"ids": ids, "since": since})}


def _query(search: str, switch: Switch | None) -> Select[Any]:
    """The newest version's parts that the list shows, for the strategies that are wanted."""
    document = StrategyVersion.definition
    query = (
        select(
            Strategy.id,
            Strategy.name,
            Strategy.is_enabled,
            Strategy.next_due_at,
            document["mode"].astext.label("mode"),
            document["symbols"].label("symbols"),
            document["schedule"].label("schedule"),
        )
        .join(
            StrategyVersion,
            (StrategyVersion.strategy_id == Strategy.id)
            & (StrategyVersion.number == Strategy.version_number),
        )
        .where(Strategy.archived_at.is_(None))
    )
    if search:
        symbol = document["symbols"].contains([search.upper()])
        query = query.where(Strategy.name.icontains(search, autoescape=True) | symbol)
    if switch is not None:
        query = query.where(Strategy.is_enabled.is_(switch == "on"))
    return query


def _row(row: Any, figures: Figures) -> Row:
    return Row(
        id=row.id,
        name=row.name,
        is_enabled=row.is_enabled,
        next_due_at=row.next_due_at,
        mode=row.mode,
        symbols=row.symbols,
        schedule=schedule_of({"schedule": row.schedule}),
        figures=figures,
    )
