"""Tells of trouble with the broker's session, as early as it can be seen, once per episode."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.brokers.base import SessionStatus
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.errors import InvalidInput
from backend.exchange.calendars import calendar
from backend.exchange.sessions import is_open
from backend.executions.gateway_states import STALE_AFTER
from backend.executions.models import GatewayState
from backend.notifications.events import Event
from backend.notifications.models import Notification
from backend.notifications.service import tell
from backend.strategies.models import Strategy

LOGIN_ENDS_SOON = timedelta(minutes=60)
DUE_SOON = timedelta(hours=2)
"""A strategy that is due so soon makes a login count that ends outside New York's hours."""

_PATIENCE = {
    SessionStatus.LOGGED_OUT: timedelta(0),
    SessionStatus.COMPETING: timedelta(0),
    SessionStatus.UNREACHABLE: timedelta(minutes=2),
    SessionStatus.CONNECTING: timedelta(minutes=5),
}
"""How long each may last before it is trouble: a gateway that restarts is back in a minute."""
_TITLES = {
    SessionStatus.LOGGED_OUT: "The broker's gateway wants a login",
    SessionStatus.COMPETING: "The broker's session is used from elsewhere",
    SessionStatus.UNREACHABLE: "The broker's gateway does not answer",
    SessionStatus.CONNECTING: "The broker's session does not come up",
}


@dataclass(frozen=True)
class _Trouble:
    key: str
    title: str
    text: str


def tell_of_session(clock: Clock) -> bool:
    """Go by what was seen last; True when something was told now."""
    now = clock.now()
    with transaction() as session:
        newest = select(GatewayState).order_by(GatewayState.at.desc()).limit(2)
        rows = list(session.scalars(newest))
        if not rows or now - rows[0].last_seen_at > STALE_AFTER:
            return False
        news = _trouble(session, rows[0], now) or _recovery(session, rows)
        return news is not None and tell(
            session,
            clock,
            event=Event.SESSION_TROUBLE,
            key=news.key,
            title=news.title,
            text=news.text,
            path="/system",
        )


def _trouble(session: Session, row: GatewayState, now: datetime) -> _Trouble | None:
    if row.status is SessionStatus.READY:
        return _ending_login(session, row, now)
    if now - row.at < _PATIENCE[row.status]:
        return None
    return _Trouble(_key(row), _TITLES[row.status], row.detail)


def _ending_login(session: Session, row: GatewayState, now: datetime) -> _Trouble | None:
    ends = row.login_expires_at
    if ends is None or not timedelta(0) < ends - now <= LOGIN_ENDS_SOON:
        return None
    if not _trades_soon(session, now):
        return None
    return _Trouble(
        # The forecast moves by seconds from look to look.
        f"login ends on {ends:%Y-%m-%d}",
        f"The broker's login ends at {ends:%H:%M} UTC",
        "From then on nothing runs until somebody logs in to the gateway again. Log in now, and"
        " it lasts for another day.",
    )


def _trades_soon(session: Session, now: datetime) -> bool:
    try:
        if is_open(calendar("NYSE"), now):
            return True
    except InvalidInput:
        return True  # behind the last session that is known: rather once too often
    due = select(Strategy.id).where(
        Strategy.is_enabled, Strategy.archived_at.is_(None), Strategy.next_due_at <= now + DUE_SOON
    )
    return session.scalar(due.limit(1)) is not None


def _recovery(session: Session, rows: list[GatewayState]) -> _Trouble | None:
    """Whoever was told of trouble is told of its end."""
    if len(rows) < 2 or rows[0].status is not SessionStatus.READY:
        return None
    told = select(Notification.id).where(Notification.key == _key(rows[1]))
    if session.scalar(told) is None:
        return None
    text = f"It stands again since {rows[0].at:%H:%M} UTC."
    return _Trouble(f"session back {rows[0].id}", "The broker's session is back", text)


def _key(row: GatewayState) -> str:
    return f"session {row.status} {row.id}"
