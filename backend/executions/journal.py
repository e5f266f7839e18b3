"""What this engine did before, as far as limits ask."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from backend.core.database import transaction
from backend.executions.models import Execution
from backend.workflow.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class DatabaseJournal:
    """With `until`, as it stood at that moment, before `without` had ended."""

    until: datetime | None = None
    without: int | None = None

    def orders_since(self, strategy_id: int, since: datetime) -> int:
        """
        In mode observe, plans that passed every check count as the orders they would be; replays
        order nothing.
        """
        count = select(func.count()).where(
            Execution.strategy_id == strategy_id,
            Execution.outcome.in_([Outcome.ORDERED, Outcome.OBSERVED]),
            Execution.finished_at >= since,
            Execution.replay_of.is_(None),
        )
        if self.until is not None:
            count = count.where(Execution.finished_at <= self.until, Execution.id != self.without)
        with transaction() as session:
            return session.scalar(count) or 0
