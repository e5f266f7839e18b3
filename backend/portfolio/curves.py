"""What an account was worth over time, and how far it stood below its peak."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

POINTS = 240
"""More than a plot can show apart."""


class Range(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    ALL = "all"


SPANS = {
    Range.DAY: timedelta(days=1),
    Range.WEEK: timedelta(days=7),
    Range.MONTH: timedelta(days=31),
    Range.QUARTER: timedelta(days=92),
}


@dataclass(frozen=True, kw_only=True)
class Point:
    """The end of a stretch of time, and the lowest that was seen in it."""

    at: datetime
    equity: float
    drawdown: float
    """The deepest below the highest equity seen until then, as a fraction of it; 0 or less."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    points: Sequence[Point]
    currency: str

    @property
    def change(self) -> float | None:
        """From the first to the last, as a fraction; deposits and withdrawals are part of it."""
        if len(self.points) < 2 or not self.points[0].equity:
            return None
        return self.points[-1].equity / self.points[0].equity - 1

    @property
    def deepest(self) -> Point | None:
        return min(self.points, key=lambda point: point.drawdown, default=None)


def read(session: Session, account: str, span: Range, now: datetime) -> Curve:
    """At most `POINTS`, the oldest first."""
    since = now - SPANS[span] if span in SPANS else None
    first = session.execute(_FIRST, {"account": account, "since": since, "now": now}).one()
    if first.at is None:
        return Curve(points=(), currency="USD")
    width = max((now - first.at).total_seconds() / POINTS, 1.0)
    asked = {"account": account, "since": first.at, "now": now, "width": width}
    peak, points = float(first.peak or 0), []
    for row in session.execute(_STRETCHES, asked):
        peak = max(peak, float(row.highest))
        depth = float(row.lowest) / peak - 1 if peak > 0 else 0.0
        points.append(Point(at=row.at, equity=float(row.last), drawdown=min(depth, 0.0)))
    return Curve(points=points, currency=first.currency)


# The peak is that of all times: a range that begins below it begins with a drawdown.
_FIRST = text("""
SELECT min(at) FILTER (WHERE at >= coalesce(:since, '-infinity'::timestamptz)) AS at,
  max(equity) FILTER (WHERE at < coalesce(:since, '-infinity'::timestamptz)) AS peak,
  max(currency) AS currency
FROM equity_snapshots WHERE account = :account AND at <= :now
""")

_STRETCHES = text("""
SELECT max(at) AS at, min(equity) AS lowest, max(equity) AS highest,
  (array_agg(equity ORDER BY at DESC, id DESC))[1] AS last
FROM equity_snapshots WHERE account = :account AND at BETWEEN :since AND :now
GROUP BY floor(extract(epoch FROM at - :since) / :width) ORDER BY 1
""")
