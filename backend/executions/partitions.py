"""Keeps a partition of the lineage table ready for this month and the next two."""

from datetime import UTC, datetime
from functools import cache

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.logging import get_logger

logger = get_logger(__name__)

MONTHS_AHEAD = 2


def ensure(clock: Clock) -> None:
    """Create what is missing; cheap when nothing is."""
    now = clock.now()
    for ahead in range(MONTHS_AHEAD + 1):
        ensure_month(_month_start(now.year, now.month + ahead))


@cache
def ensure_month(start: datetime) -> None:
    """The partition of the month that begins at `start`, a midnight in UTC."""
    end = _month_start(start.year, start.month + 1)
    try:
        with transaction() as session:
            # Two workers that start together would otherwise both find it missing.
            session.execute(text("SELECT pg_advisory_xact_lock(5041928)"))
            session.execute(
                text(
                    f"CREATE TABLE IF NOT EXISTS workflow_lineage_{start:%Y_%m}"
                    " PARTITION OF workflow_lineage"
                    f" FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
                )
            )
    except IntegrityError:
        # The default partition already holds records of this month; they stay readable there.
        logger.warning("lineage_month_in_default_partition", month=f"{start:%Y-%m}")


def _month_start(year: int, month: int) -> datetime:
    return datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=UTC)
