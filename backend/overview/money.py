"""What the models cost today against what they may."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.core.settings import settings
from backend.executions.models import AiDay, AiReservation, Execution
from backend.strategies.models import Strategy

MOST = 5


@dataclass(frozen=True, kw_only=True)
class Money:
    """Of this day in UTC. What is reserved is part of what counts against the limits."""

    usd: Decimal
    usd_limit: Decimal
    tokens: int
    tokens_limit: int
    reserved_usd: Decimal
    reserved_tokens: int
    calls_under_way: int
    by_strategy: list[tuple[int, str, Decimal]]

    @property
    def settled_usd(self) -> Decimal:
        return self.usd - self.reserved_usd


def today(session: Session, now: datetime) -> Money:
    day = now.astimezone(UTC).date()
    used = session.get(AiDay, day)
    calls, reserved_usd, reserved_tokens = session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(AiReservation.cost_usd), 0),
            func.coalesce(func.sum(AiReservation.tokens), 0),
        ).where(AiReservation.day == day)
    ).one()
    return Money(
        usd=used.cost_usd if used else Decimal(0),
        usd_limit=settings().ai_daily_usd,
        tokens=used.tokens if used else 0,
        tokens_limit=settings().ai_daily_tokens,
        reserved_usd=Decimal(reserved_usd),
        reserved_tokens=int(reserved_tokens),
        calls_under_way=calls,
        by_strategy=_by_strategy(session, datetime.combine(day, time.min, UTC)),
    )


def _by_strategy(session: Session, since: datetime) -> list[tuple[int, str, Decimal]]:
    cost = func.sum(Execution.cost_usd)
    rows = session.execute(
        select(Strategy.id, Strategy.name, cost)
        .join(Execution, Execution.strategy_id == Strategy.id)
        .where(Execution.created_at >= since)
        .group_by(Strategy.id, Strategy.name)
        .having(cost > 0)
        .order_by(cost.desc())
        .limit(MOST)
    )
    return [(strategy_id, name, Decimal(usd)) for strategy_id, name, usd in rows]
