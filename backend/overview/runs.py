"""
What ran in the last day, replays apart: per hour by outcome, one by one, what went wrong, what was
decided.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CompoundSelect, func, select, text
from sqlalchemy.orm import Session

from backend.executions.models import Execution, LineageRecord, Status
from backend.strategies.models import Strategy
from backend.workflow.outcome import Outcome

DAY = timedelta(days=1)
TICKS = 60
DECISIONS = 6
TROUBLES = 5
_LATELY = 1_000
"""Executions among which the last decisions are looked for."""

_ORDER = (
    *("ordered", "observed", "held", "blocked", "rejected", "expired", "skipped", "failed"),
    *("parked", "waiting", "running", "queued"),
)


@dataclass(frozen=True, kw_only=True)
class Hour:
    """Heights are fractions of the busiest hour; the lowest part first."""

    starts_at: datetime
    total: int
    parts: list[tuple[str, int, float]]
    """State, how many, height."""

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(hours=1)

    @property
    def title(self) -> str:
        told = ", ".join(f"{count} {state}" for state, count, _ in self.parts)
        return f"{self.starts_at:%d %b %H:%M} to {self.starts_at:%H}:59 UTC: {told or 'nothing'}"


@dataclass(frozen=True, kw_only=True)
class Day:
    hours: list[Hour]
    by_state: dict[str, int]
    ticks: list[dict[str, str]]
    """The last ones, the newest last."""

    @property
    def total(self) -> int:
        return sum(self.by_state.values())

    @property
    def busiest(self) -> int:
        return max(hour.total for hour in self.hours)


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Executions that failed or are parked for the same reason; the newest stands for them."""

    state: str
    count: int
    newest: Execution
    strategy: str

    @property
    def href(self) -> str:
        narrow = "status=parked" if self.state == Status.PARKED else "outcome=failed"
        code = f"&reason_code={self.newest.reason_code}" if self.newest.reason_code else ""
        return f"/executions?{narrow}{code}"


@dataclass(frozen=True, kw_only=True)
class Decision:
    execution: Execution
    strategy: str
    signal: dict[str, Any]


def day(session: Session, now: datetime) -> Day:
    hour = now.replace(minute=0, second=0, microsecond=0)
    counts: dict[datetime, dict[str, int]] = {
        hour - timedelta(hours=back): defaultdict(int) for back in range(23, -1, -1)
    }
    rows = session.execute(_BY_HOUR, {"since": min(counts)})
    for starts_at, state, count in rows:
        if starts_at in counts:
            counts[starts_at][state] += count
    busiest = max(1, *(sum(each.values()) for each in counts.values()))
    by_state: dict[str, int] = defaultdict(int)
    for each in counts.values():
        for state, count in each.items():
            by_state[state] += count
    return Day(
        hours=[_hour(starts_at, each, busiest) for starts_at, each in counts.items()],
        by_state={state: by_state[state] for state in _ORDER if by_state[state]},
        ticks=_ticks(session, min(counts)),
    )


_BY_HOUR = text("""
SELECT date_trunc('hour', created_at, 'UTC'), coalesce(outcome, status), count(*)
FROM executions WHERE created_at >= :since AND replay_of IS NULL GROUP BY 1, 2
""")


def _hour(starts_at: datetime, counts: dict[str, int], busiest: int) -> Hour:
    parts = [(state, counts[state], counts[state] / busiest) for state in _ORDER if counts[state]]
    return Hour(starts_at=starts_at, total=sum(counts.values()), parts=parts)


def _ticks(session: Session, since: datetime) -> list[dict[str, str]]:
    rows = session.execute(
        select(Execution.id, Execution.symbol, Execution.status, Execution.outcome, Strategy.name)
        .join(Strategy, Strategy.id == Execution.strategy_id)
        .where(Execution.created_at >= since, Execution.replay_of.is_(None))
        .order_by(Execution.id.desc())
        .limit(TICKS)
    ).all()
    return [
        {
            "state": (outcome or status).value,
            "title": f"{name}, {symbol}: {(outcome or status).value}",
            "href": f"/executions/{execution_id}",
        }
        for execution_id, symbol, status, outcome, name in reversed(rows)
    ]


def troubles(session: Session, now: datetime) -> list[Trouble]:
    """What is parked, and what failed in the last day, by reason; the newest first."""
    found = _by_reason(now).subquery()
    rows = session.execute(
        select(Execution, Strategy.name, found.c.count)
        .join(found, found.c.newest == Execution.id)
        .join(Strategy, Strategy.id == Execution.strategy_id)
        .order_by(Execution.id.desc())
        .limit(TROUBLES)
    )
    return [
        Trouble(
            state=(execution.outcome or execution.status).value,
            count=count,
            newest=execution,
            strategy=name,
        )
        for execution, name, count in rows
    ]


def _by_reason(now: datetime) -> CompoundSelect[*tuple[Any, ...]]:
    """How many are parked, and failed lately, for each reason; and the newest of them."""
    parked = select(
        Execution.reason_code, func.count().label("count"), func.max(Execution.id).label("newest")
    ).where(Execution.status == Status.PARKED, Execution.replay_of.is_(None))
    failed = select(Execution.reason_code, func.count(), func.max(Execution.id)).where(
        Execution.outcome == Outcome.FAILED,
        Execution.created_at >= now - DAY,
        Execution.replay_of.is_(None),
    )
    return parked.group_by(Execution.reason_code).union_all(failed.group_by(Execution.reason_code))


def decisions(session: Session) -> list[Decision]:
    """The last signals with their prices, looked for among the newest executions."""
    newest = select(Execution.id).order_by(Execution.id.desc()).limit(_LATELY).subquery()
    rows = session.execute(
        select(Execution, Strategy.name)
        .join(newest, newest.c.id == Execution.id)
        .join(Strategy, Strategy.id == Execution.strategy_id)
        .where(
            Execution.signal_action.is_not(None),
            Execution.outcome.is_not(None),
            Execution.replay_of.is_(None),
        )
        .order_by(Execution.id.desc())
        .limit(DECISIONS)
    ).all()
    signals = _signals(session, [execution for execution, _ in rows])
    return [
        Decision(execution=execution, strategy=name, signal=signals.get(execution.id, {}))
        for execution, name in rows
    ]


def _signals(session: Session, executions: list[Execution]) -> dict[int, dict[str, Any]]:
    if not executions:
        return {}
    records = session.execute(
        select(LineageRecord.execution_id, LineageRecord.output["signal"])
        .where(
            LineageRecord.execution_id.in_([each.id for each in executions]),
            LineageRecord.step == "generate_signal",
            # Leaves the months before them unread.
            LineageRecord.recorded_at >= min(each.created_at for each in executions),
        )
        .order_by(LineageRecord.sequence)
    )
    return {execution_id: signal or {} for execution_id, signal in records}
