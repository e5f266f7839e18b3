"""What the tests that kill parts make, count and demand."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text

from backend import storage
from backend.core.clock import SystemClock
from backend.core.database import transaction
from backend.executions import dispatch, verify
from backend.executions.models import Execution, LineageRecord, RecordStatus, Status, Trigger
from backend.strategies import prompts
from backend.strategies import service as strategies
from backend.workflow.plan import STEP_NAMES
from tests.support.live_engine import definition, read

CLOCK = SystemClock()
LOST = {RecordStatus.INTERRUPTED, RecordStatus.PARKED}
"""Attempts that found nothing; the step ran again."""


def save(
    count: int, name: str = "Strategy", *, is_enabled: bool = False, **changes: Any
) -> list[int]:
    """Save this many strategies; returns their ids."""
    with transaction() as session:
        prompts.add_defaults(session, CLOCK)
        return [
            strategies.create(
                session,
                CLOCK,
                document=definition(name=f"{name} {number}", **changes),
                author="test",
                is_enabled=is_enabled,
            ).id
            for number in range(count)
        ]


def start(strategy_ids: Iterable[int]) -> list[int]:
    """As a person does; returns one execution id per strategy."""
    with transaction() as session:
        return [
            execution_id
            for strategy_id in strategy_ids
            for execution_id in dispatch.start(
                session,
                CLOCK,
                strategies.get(session, strategy_id),
                symbols=None,
                trigger=Trigger.API,
                requested_by="test",
            )
        ]


def make_due(strategy_ids: list[int], *, ago: timedelta = timedelta()) -> datetime:
    """Let them be due so long ago; returns that moment, to the second."""
    due_at = (CLOCK.now() - ago).replace(microsecond=0)
    with transaction() as session:
        session.execute(
            text("UPDATE strategies SET next_due_at = :due_at WHERE id = ANY(:ids)"),
            {"due_at": due_at, "ids": strategy_ids},
        )
    return due_at


def count(*, status: Status | None = None, strategy_ids: list[int] | None = None) -> int:
    query = select(func.count()).select_from(Execution)
    if status is not None:
        query = query.where(Execution.status == status)
    if strategy_ids is not None:
        query = query.where(Execution.strategy_id.in_(strategy_ids))
    with transaction() as session:
        return session.scalar(query) or 0


def all_finished(number: int) -> bool:
    return count(status=Status.FINISHED) == number == count()


def execution_of(strategy_id: int) -> Execution:
    with transaction() as session:
        return session.scalars(select(Execution).where(Execution.strategy_id == strategy_id)).one()


def demand_whole(execution_id: int) -> tuple[Execution, list[LineageRecord]]:
    """All thirteen steps in order, each kept once, the chain and every artifact as written."""
    execution, records = read(execution_id)
    kept = [record.step for record in records if record.status not in LOST]
    assert kept == list(STEP_NAMES), f"execution {execution_id}: {said(records)}"
    with transaction() as session:
        report = verify.verify(session, storage.from_settings(), execution)
    assert report.is_intact, report.sentence
    attempts: Counter[str] = Counter()
    for record in records:
        attempts[record.step] += 1
        assert record.attempt == attempts[record.step], said(records)
    return execution, records


def said(records: list[LineageRecord]) -> list[str]:
    return [
        f"{record.sequence} {record.step} {record.attempt} {record.status} {record.reason_code}"
        for record in records
    ]
