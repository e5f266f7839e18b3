"""What this engine did before, as far as limits ask."""

from datetime import datetime

from sqlalchemy import func, select

from backend.core.database import transaction
from backend.executions.models import Execution
from backend.workflow.outcome import Outcome


class DatabaseJournal:
    def orders_since(self, strategy_id: int, since: datetime) -> int:
        """In mode observe, plans that passed every check count as the orders they would be."""
        count = select(func.count()).where(
            Execution.strategy_id == strategy_id,
            Execution.outcome.in_([Outcome.ORDERED, Outcome.OBSERVED]),
            Execution.finished_at >= since,
        )
        with transaction() as session:
            return session.scalar(count) or 0
