"""The gateway's session as a line in time, up to the next login that a person has to give."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from backend.executions import gateway_states
from backend.executions.models import GatewayState

BACK = timedelta(hours=30)
AHEAD = timedelta(hours=6)


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """From `start` over `width`, as fractions of the line."""

    start: float
    width: float
    state: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Line:
    stretches: list[Stretch]
    hours: list[tuple[float, str]]
    now: float
    login: float | None
    login_at: datetime | None
    seconds_to_login: float | None


def line(session: Session, now: datetime) -> Line:
    rows = gateway_states.since(session, now - BACK)
    login_at = rows[-1].login_expires_at if rows else None
    if login_at is not None and login_at <= now:
        login_at = None
    first = now - BACK
    last = max(now + AHEAD, login_at + timedelta(hours=1) if login_at else now)
    span = last - first

    def place(moment: datetime) -> float:
        return (max(first, moment) - first) / span

    return Line(
        stretches=[
            _stretch(row, until, place(row.at), place(until)) for row, until in _ended(rows)
        ],
        hours=_hours(first, last),
        now=place(now),
        login=place(login_at) if login_at else None,
        login_at=login_at,
        seconds_to_login=(login_at - now).total_seconds() if login_at else None,
    )


def _ended(rows: list[GatewayState]) -> list[tuple[GatewayState, datetime]]:
    """Each state with its end: where the next began, or where nobody looked any more."""
    ends = [row.last_seen_at for row in rows]
    for place, following in enumerate(rows[1:]):
        if following.at - ends[place] <= gateway_states.STALE_AFTER:
            ends[place] = following.at
    return list(zip(rows, ends, strict=True))


def _stretch(row: GatewayState, until: datetime, start: float, end: float) -> Stretch:
    whose = f", {row.account}" if row.account else ""
    return Stretch(
        start=start,
        # A moment would otherwise be too narrow to see.
        width=max(0.002, end - start),
        state={"ready": "good", "unreachable": "bad"}.get(row.status.value, "warn"),
        title=f"{row.status.value.replace('_', ' ')}{whose},"
        f" {row.at:%d %b %H:%M} to {until:%d %b %H:%M} UTC: {row.detail}",
    )


def _hours(first: datetime, last: datetime) -> list[tuple[float, str]]:
    moment = first.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    marks = []
    while moment < last:
        # A text at either end would be cut off.
        if moment.hour % 6 == 0 and 0.04 < (moment - first) / (last - first) < 0.96:
            text = f"{moment:%d %b}" if moment.hour == 0 else f"{moment:%H:%M}"
            marks.append(((moment - first) / (last - first), text))
        moment += timedelta(hours=1)
    return marks
