"""Finding executions and counting what happened to them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVarTuple

from sqlalchemy import ColumnElement, Select, func, or_, select, text
from sqlalchemy.orm import Session

from backend.core.errors import NotFound
from backend.executions.models import REASON_WORDS, Execution, LineageRecord, Status, Trigger
from backend.strategies.models import Strategy, StrategyVersion
from backend.workflow.outcome import Outcome

PAGE = 50

Columns = TypeVarTuple("Columns")


@dataclass(frozen=True, kw_only=True)
class Filters:
    """
    Each one narrows. `before` is the id that the page before ended with, `after` the one that it
    began with. `words` are looked for in reasons, symbols and strategies' names, or are an id.
    Replays are found only where they, or their trigger, are asked for.
    """

    strategy_id: int | None = None
    symbol: str | None = None
    status: Status | None = None
    outcome: Outcome | None = None
    trigger: Trigger | None = None
    reason_code: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    words: str | None = None
    with_replays: bool = False
    before: int | None = None
    after: int | None = None


def find(session: Session, filters: Filters, limit: int = PAGE) -> Sequence[tuple[Execution, str]]:
    """(Execution, strategy name), newest first, at most `limit` of them."""
    # Ids first: to sort or to skip whole rows would take longer than to look up the page's few.
    ids = _page(narrowed(select(Execution.id), session, filters), filters).limit(limit).subquery()
    query = (
        select(Execution, Strategy.name)
        .join(ids, ids.c.id == Execution.id)
        .join(Strategy, Strategy.id == Execution.strategy_id)
        .order_by(Execution.id.desc())
    )
    return session.execute(query).all()


def _page(query: Select[tuple[int]], filters: Filters) -> Select[tuple[int]]:
    """The place in the list: the nearest first."""
    # A search by words must not walk all ids backwards until enough have matched.
    by = Execution.id if filters.words is None else Execution.id + 0
    if filters.after is not None:
        return query.where(Execution.id > filters.after).order_by(by)
    if filters.before is not None:
        query = query.where(Execution.id < filters.before)
    return query.order_by(by.desc())


_EXACT = ("strategy_id", "symbol", "status", "outcome", "trigger", "reason_code")


def narrowed(query: Select[*Columns], session: Session, filters: Filters) -> Select[*Columns]:
    """A query over executions with every filter but the place in the list."""
    for name in _EXACT:
        wanted = getattr(filters, name)
        if wanted is not None:
            query = query.where(getattr(Execution, name) == wanted)
    if filters.trigger is not Trigger.REPLAY and not filters.with_replays:
        query = query.where(Execution.replay_of.is_(None))
    if filters.since is not None:
        query = query.where(Execution.created_at >= filters.since)
    if filters.until is not None:
        query = query.where(Execution.created_at < filters.until)
    if filters.words is not None:
        query = query.where(_says(session, filters.words))
    return query


def _says(session: Session, words: str) -> ColumnElement[bool]:
    """Each way has an index, whose answers the database joins."""
    named = select(Strategy.id).where(Strategy.name.icontains(words, autoescape=True))
    ways: list[ColumnElement[bool]] = [
        Execution.symbol.in_([words, words.upper()]),
        Execution.strategy_id.in_(list(session.scalars(named))),
    ]
    if words.isdecimal() and int(words) < 2**63:
        ways.append(Execution.id == int(words))
    if parts := re.findall(r"\w+", words):
        asked = " & ".join(f"{part}:*" for part in parts)
        ways.append(REASON_WORDS.op("@@")(func.to_tsquery(text("'simple'"), asked)))
    return or_(*ways)


def subject(execution_id: int) -> str:
    """What live pages watch to learn that an execution has moved; `executions` is all of them."""
    return f"executions/{execution_id}"


def get(session: Session, execution_id: int) -> Execution:
    execution = session.get(Execution, execution_id)
    if execution is None:
        raise NotFound(f"There is no execution {execution_id}.")
    return execution


def neighbours(session: Session, execution: Execution) -> tuple[int | None, int | None]:
    """The run before and the one after of the same strategy and symbol, by due time."""
    same = select(Execution.id).where(
        Execution.strategy_id == execution.strategy_id,
        Execution.symbol == execution.symbol,
        Execution.replay_of.is_(None),
    )
    earlier = same.where(Execution.due_at < execution.due_at).order_by(Execution.due_at.desc())
    later = same.where(Execution.due_at > execution.due_at).order_by(Execution.due_at)
    # Both in one round trip.
    before, after = session.execute(
        select(earlier.limit(1).scalar_subquery(), later.limit(1).scalar_subquery())
    ).one()
    return before, after


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
        LineageRecord.recorded_at.desc(), LineageRecord.id.desc()
    )
    for name, wanted in (("step", step), ("status", status), ("reason_code", reason_code)):
        if wanted is not None:
            query = query.where(getattr(LineageRecord, name) == wanted)
    return list(session.scalars(query.limit(limit)))


def step_statistics(session: Session, since: datetime) -> list[dict[str, Any]]:
    """
    Per step and status: how many, median and 95th percentile of seconds, tokens, money; replays
    apart.
    """
    rows = session.execute(
        text("""
            SELECT step, status, count(*) AS records,
              percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50_seconds,
              percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS p95_seconds,
              sum(tokens) AS tokens, sum(cost_usd) AS cost_usd
            FROM workflow_lineage
            WHERE recorded_at >= :since AND actor NOT LIKE 'replay:%'
            GROUP BY step, status ORDER BY step, status
        """),
        {"since": since},
    )
    return [dict(row) for row in rows.mappings()]


def outcome_statistics(session: Session, since: datetime) -> list[dict[str, Any]]:
    """Per outcome and reason: how many executions, replays apart."""
    rows = session.execute(
        select(Execution.outcome, Execution.reason_code, func.count().label("executions"))
        .where(
            Execution.created_at >= since,
            Execution.outcome.is_not(None),
            Execution.replay_of.is_(None),
        )
        .group_by(Execution.outcome, Execution.reason_code)
        .order_by(func.count().desc())
    )
    return [dict(row) for row in rows.mappings()]
