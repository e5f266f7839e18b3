"""Which strategies run next, in the time of their exchange."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.exchange import calendars
from backend.strategies.definition import schedule_of
from backend.strategies.models import Strategy, StrategyVersion
from backend.strategies.schedule import PUNCTUAL, Schedule, exchange_of

MOST = 5


@dataclass(frozen=True, kw_only=True)
class Due:
    strategy_id: int
    strategy: str
    symbols: list[str]
    at: datetime
    zone: str
    """Of the exchange that the schedule follows, or else the schedule's own."""
    seconds: float
    """From now on; below zero it is overdue."""
    is_late: bool
    """Later than a running Beat would ever be."""


def upcoming(session: Session, now: datetime) -> list[Due]:
    document = StrategyVersion.definition
    rows = session.execute(
        select(Strategy.id, Strategy.name, Strategy.next_due_at, document["symbols"], document)
        .join(
            StrategyVersion,
            (StrategyVersion.strategy_id == Strategy.id)
            & (StrategyVersion.number == Strategy.version_number),
        )
        .where(
            Strategy.is_enabled, Strategy.archived_at.is_(None), Strategy.next_due_at.is_not(None)
        )
        .order_by(Strategy.next_due_at, Strategy.id)
        .limit(MOST)
    )
    return [
        Due(
            strategy_id=strategy_id,
            strategy=name,
            symbols=symbols,
            at=at,
            zone=_zone(schedule_of(definition)),
            seconds=(at - now).total_seconds(),
            is_late=now - at > PUNCTUAL,
        )
        for strategy_id, name, at, symbols, definition in rows
        if at is not None
    ]


def _zone(schedule: Schedule) -> str:
    exchange = exchange_of(schedule)
    return calendars.calendar(exchange).timezone if exchange else schedule.timezone
