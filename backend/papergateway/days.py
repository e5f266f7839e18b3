"""Days of New York, by which live orders and trades are counted."""

from datetime import datetime, timedelta

from backend.core.clock import to_ms
from backend.papergateway.login import REGION


def days_began(now: datetime, days: int = 1) -> int:
    """When the first of so many days began of which today is the last, in UTC ms."""
    midnight = now.astimezone(REGION).replace(hour=0, minute=0, second=0, microsecond=0)
    return to_ms(midnight - timedelta(days=max(1, days) - 1))
