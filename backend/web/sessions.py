"""Browser sessions: a random token in a cookie, its hash in a row that can be revoked."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, delete, or_, select, update
from sqlalchemy.orm import Mapped, Session, joinedload, mapped_column, relationship

from backend.core.clock import Clock
from backend.core.database import Model
from backend.core.hashing import sha256_hex
from backend.web.browser_names import browser_name
from backend.web.people import Person

IDLE = timedelta(days=7)
LONGEST = timedelta(days=30)
ROTATED_EVERY = timedelta(hours=1)
GRACE = timedelta(minutes=1)
"""How long the token before still works, for requests that were under way."""
_SEEN_EVERY = timedelta(minutes=1)
_KEPT = timedelta(days=30)


class BrowserSession(Model):
    """
    `previous_hash` is of the token that the browser had before the last rotation.

    It works until the browser has shown the new one (only then is `previous_until` set): an
    answer that carried the new one may have been lost on its way.
    """

    __tablename__ = "browser_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    hash: Mapped[str] = mapped_column(unique=True)
    previous_hash: Mapped[str | None] = mapped_column(unique=True)
    previous_until: Mapped[datetime | None]
    rotated_at: Mapped[datetime]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    address: Mapped[str]
    agent: Mapped[str]
    """What the browser calls itself."""

    person: Mapped[Person] = relationship(lazy="raise")

    @property
    def browser(self) -> str:
        return browser_name(self.agent)


@dataclass(frozen=True)
class Found:
    row: BrowserSession
    fresh_token: str | None
    """The browser must be given this one instead of the one it showed."""


def begin(
    session: Session, clock: Clock, person: Person, *, address: str, agent: str
) -> tuple[BrowserSession, str]:
    """A new session and its token, which is kept nowhere else."""
    now = clock.now()
    session.execute(delete(BrowserSession).where(BrowserSession.expires_at < now - _KEPT))
    token = secrets.token_urlsafe(32)
    row = BrowserSession(
        person=person,
        hash=_hash(token),
        rotated_at=now,
        created_at=now,
        last_seen_at=now,
        expires_at=now + LONGEST,
        address=address,
        agent=agent[:300],
    )
    session.add(row)
    session.flush()
    return row, token


def find(session: Session, clock: Clock, token: str) -> Found | None:
    """The living session of this token, with its person; gives it a new token when it is time."""
    now, shown = clock.now(), _hash(token)
    row = session.scalar(
        select(BrowserSession)
        .options(joinedload(BrowserSession.person))
        .where(or_(BrowserSession.hash == shown, BrowserSession.previous_hash == shown))
    )
    if row is None or not _is_alive(row, shown, now):
        return None
    if now - row.last_seen_at >= _SEEN_EVERY:
        row.last_seen_at = now
    if row.hash == shown and row.previous_hash is not None and row.previous_until is None:
        row.previous_until = now + GRACE
    is_due = now - row.rotated_at >= (ROTATED_EVERY if row.hash == shown else GRACE)
    return Found(row, _rotate(session, row, shown, now) if is_due else None)


def alive(session: Session, clock: Clock, person: Person) -> list[BrowserSession]:
    """All sessions this person could go on with, the one seen last first."""
    now = clock.now()
    query = select(BrowserSession).where(
        BrowserSession.person_id == person.id,
        BrowserSession.revoked_at.is_(None),
        BrowserSession.expires_at > now,
        BrowserSession.last_seen_at > now - IDLE,
    )
    return list(session.scalars(query.order_by(BrowserSession.last_seen_at.desc())))


def revoke(
    session: Session, clock: Clock, person: Person, *, only: int | None = None, but: int = 0
) -> int:
    """End one session of this person, or all `but` the one named; returns how many ended."""
    query = update(BrowserSession).where(
        BrowserSession.person_id == person.id,
        BrowserSession.revoked_at.is_(None),
        BrowserSession.id != but,
    )
    if only is not None:
        query = query.where(BrowserSession.id == only)
    ended = session.scalars(
        query.values(revoked_at=clock.now()).returning(BrowserSession.id),
    )
    return len(ended.all())


def _hash(token: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return sha256_hex(token.encode())


def _is_alive(row: BrowserSession, shown: str, now: datetime) -> bool:
    is_over = row.revoked_at is not None or now >= row.expires_at or now - row.last_seen_at >= IDLE
    is_stale = row.hash != shown and row.previous_until is not None and now >= row.previous_until
    return not (is_over or is_stale)


def _rotate(session: Session, row: BrowserSession, shown: str, now: datetime) -> str | None:
    """None when a request beside this one has just done it: its answer brings the new token."""
    token = secrets.token_urlsafe(32)
    done = session.scalar(
        update(BrowserSession)
        .where(BrowserSession.id == row.id, BrowserSession.rotated_at == row.rotated_at)
        .values(hash=_hash(token), previous_hash=shown, previous_until=None, rotated_at=now)
        .returning(BrowserSession.id)
    )
    return None if done is None else token


def watch(clock: Clock, row: BrowserSession) -> Callable[[Session], bool]:
    """Asks whether a session goes on still, for answers that go on for hours."""
    query = select(BrowserSession.id).where(
        BrowserSession.id == row.id, BrowserSession.revoked_at.is_(None)
    )

    def is_alive(session: Session) -> bool:
        return session.scalar(query.where(BrowserSession.expires_at > clock.now())) is not None

    return is_alive
