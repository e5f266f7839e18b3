"""The day's allowance for models, kept in the database so that all workers share it."""

import secrets
from datetime import UTC
from decimal import Decimal

from sqlalchemy import delete, func, update
from sqlalchemy.dialects.postgresql import insert

from backend.analysis.base import Usage
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.errors import OutsideError
from backend.core.settings import settings
from backend.executions.models import AiDay, AiReservation


class DatabaseBudget:
    """A day is a UTC day. A worker that dies leaves its reservation counted: it fails closed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def reserve(self, *, tokens: int, usd: Decimal) -> str:
        """
        Raises `OutsideError` with code `budget` when the day's rest does not cover it, and
        `DatabaseAway` when it cannot be asked.
        """
        day = self._clock.now().astimezone(UTC).date()
        limit = settings()
        reservation = secrets.token_hex(8)
        with transaction() as session:
            session.execute(
                insert(AiDay).values(day=day, tokens=0, cost_usd=0).on_conflict_do_nothing()
            )
            granted = session.scalar(
                update(AiDay)
                .where(
                    AiDay.day == day,
                    AiDay.tokens + tokens <= limit.ai_daily_tokens,
                    AiDay.cost_usd + usd <= limit.ai_daily_usd,
                )
                .values(tokens=AiDay.tokens + tokens, cost_usd=AiDay.cost_usd + usd)
                .returning(AiDay.day)
            )
            if granted is None:
                raise OutsideError(
                    f"Today's AI budget ({limit.ai_daily_tokens:,} tokens,"
                    f" ${limit.ai_daily_usd}) does not cover another call of up to"
                    f" {tokens:,} tokens and ${usd:.4f}. Raise AI_DAILY_TOKENS or AI_DAILY_USD,"
                    " or wait for the next day (UTC).",
                    code="budget",
                )
            session.add(AiReservation(id=reservation, day=day, tokens=tokens, cost_usd=usd))
        return reservation

    def settle(self, reservation: str, usage: Usage) -> None:
        """Settling twice changes nothing the second time."""
        used = usage.input_tokens + usage.output_tokens
        with transaction() as session:
            row = session.execute(
                delete(AiReservation)
                .where(AiReservation.id == reservation)
                .returning(AiReservation.day, AiReservation.tokens, AiReservation.cost_usd)
            ).first()
            if row is None:
                return
            session.execute(
                update(AiDay)
                .where(AiDay.day == row.day)
                .values(
                    tokens=func.greatest(0, AiDay.tokens - row.tokens + used),
                    cost_usd=func.greatest(0, AiDay.cost_usd - row.cost_usd + usage.cost_usd),
                )
            )

    def is_spent(self) -> bool:
        """True when nothing is left of the day's tokens or money."""
        with transaction() as session:
            row = session.get(AiDay, self._clock.now().astimezone(UTC).date())
        return row is not None and (
            row.tokens >= settings().ai_daily_tokens or row.cost_usd >= settings().ai_daily_usd
        )
