"""What this engine did before, as far as limits ask."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select

from backend.core.database import transaction
from backend.executions.lineage import CLOCKS_APART
from backend.executions.models import Execution, LineageRecord
from backend.portfolio.orders import past
from backend.trading.oversight import PastOrder
from backend.workflow.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class DatabaseJournal:
    """With `until`, as it stood at that moment, before `without` had ended."""

    until: datetime | None = None
    without: int | None = None

    def orders_since(self, since: datetime) -> tuple[PastOrder, ...]:
        """
        Those that were reserved at the broker's desk, from that moment on; in mode observe, plans
        that passed every check count as the orders they would be. Replays order nothing.
        """
        checked = and_(
            LineageRecord.execution_id == Execution.id,
            LineageRecord.step == "size_and_check_risk",
            # Lets PostgreSQL skip partitions; the account of one with an older record is unknown.
            LineageRecord.recorded_at >= since - CLOCKS_APART,
            LineageRecord.output.is_not(None),
        )
        planned = LineageRecord.output["order_plan"]
        query = (
            select(
                Execution.strategy_id,
                LineageRecord.input["account_snapshot"]["account"].astext.label("account"),
                func.coalesce(planned["symbol"].astext, Execution.symbol).label("symbol"),
                Execution.signal_action.label("side"),
                Execution.finished_at.label("at"),
            )
            .join(LineageRecord, checked, isouter=True)
            .where(
                Execution.outcome == Outcome.OBSERVED,
                Execution.finished_at >= since,
                Execution.replay_of.is_(None),
            )
        )
        if self.until is not None:
            query = query.where(Execution.finished_at <= self.until, Execution.id != self.without)
        with transaction() as session:
            observed = [PastOrder(**row) for row in session.execute(query).mappings()]
            placed = past.since(session, since, until=self.until, without=self.without)
            return (*observed, *placed)
