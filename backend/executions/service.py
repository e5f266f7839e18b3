"""Finding executions and counting what happened to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from backend.core.errors import NotFound
from backend.executions.models import Execution, LineageRecord, Status, Trigger
from backend.strategies.models import Strategy, StrategyVersion
from backend.workflow.outcome import Outcome

PAGE = 50


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Each one narrows; `before` is the id that the page before ended with."""

    strategy_id: int | None = None
    symbol: str | None = None
    status: Status | None = None
    outcome: Outcome | None = None
    trigger: Trigger | None = None
    reason_code: str | None = None
    since: datetime | None = None
    before: int | None = None


def find(session: Session, filters: Filters, limit: int = PAGE) -> Sequence[tuple[Execution, str]]:
    """(Execution, strategy name), newest first, at most `limit` of them."""
    query = (
        select(Execution, Strategy.name)
        .join(Strategy, Strategy.id == Execution.strategy_id)
        .order_by(Execution.id.desc())
        .limit(limit)
    )
    for name in ("strategy_id", "symbol", "status", "outcome", "trigger", "reason_code"):
        wanted = getattr(filters, name)
        if wanted is not None:
            query = query.where(getattr(Execution, name) == wanted)
    if filters.since is not None:
        query = query.where(Execution.created_at >= filters.since)
    if filters.before is not None:
        query = query.where(Execution.id < filters.before)
    return session.execute(query).all()


def subject(execution_id: int) -> str:
    """What live pages watch to learn that an execution has moved; `executions` is all of them."""
    return f"executions/{execution_id}"


def get(session: Session, execution_id: int) -> Execution:
    execution = session.get(Execution, execution_id)
    if execution is None:
        raise NotFound(f"There is no execution {execution_id}.")
    return execution


def strategy_of(session: Session, execution: Execution) -> tuple[str, StrategyVersion]:
    """The strategy's name and the version that ran."""
    name = session.scalar(select(Strategy.name).where(Strategy.id == execution.strategy_id))
    return name or "", session.get_one(StrategyVersion, execution.strategy_version_id)


def recent_records(
    session: Session,
    *,
    step: str | None,
    status: str | None,
    reason_code: str | None,
    limit: int,
) -> list[LineageRecord]:
    query = select(LineageRecord).order_by(
        LineageRecord.recorded_at.desc(), LineageRecord.sequence.desc()
    )
    for name, wanted in (("step", step), ("status", status), ("reason_code", reason_code)):
        if wanted is not None:
            query = query.where(getattr(LineageRecord, name) == wanted)
    return list(session.scalars(query.limit(limit)))


def step_statistics(session: Session, since: datetime) -> list[dict[str, Any]]:
    """Per step and status: how many, median and 95th percentile of seconds, tokens, money."""
    rows = session.execute(
        text("""
            SELECT step, status, count(*) AS records,
              percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50_seconds,
              percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS p95_seconds,
              sum(tokens) AS tokens, sum(cost_usd) AS cost_usd
            FROM workflow_lineage WHERE recorded_at >= :since
            GROUP BY step, status ORDER BY step, status
        """),
        {"since": since},
    )
    return [dict(row) for row in rows.mappings()]


def outcome_statistics(session: Session, since: datetime) -> list[dict[str, Any]]:
    """Per outcome and reason: how many executions."""
    rows = session.execute(
        select(Execution.outcome, Execution.reason_code, func.count().label("executions"))
        .where(Execution.created_at >= since, Execution.outcome.is_not(None))
        .group_by(Execution.outcome, Execution.reason_code)
        .order_by(func.count().desc())
    )
    return [dict(row) for row in rows.mappings()]
