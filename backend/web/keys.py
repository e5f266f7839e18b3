"""API keys: shown once, kept as a hash, each with the scopes it was given."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.core.clock import Clock
from backend.core.database import Model
from backend.core.errors import AppError, Conflict, InvalidInput, NotAllowed, NotFound, did_you_mean
from backend.core.hashing import sha256_hex
from backend.web import audit


class Scope(StrEnum):
    READ = "read"  #: look at everything
    OPERATE = "operate"  #: ... and change strategies and start executions
    TRADE = "trade"  #: ... and let orders out


class UnknownKey(AppError):
    status_code = 401
    code = "unknown_key"


class ApiKey(Model):
    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    hash: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    """None: good until it is revoked."""
    last_used_at: Mapped[datetime | None]
    """To the minute."""
    revoked_at: Mapped[datetime | None]

    @property
    def subject(self) -> str:
        """As the audit log names this key."""
        return f"key {self.name}"

    def is_good(self, now: datetime) -> bool:
        is_over = self.expires_at is not None and now >= self.expires_at
        return self.revoked_at is None and not is_over


_USED_EVERY = timedelta(minutes=1)
"""How often the time of the last use is written: a busy key should not cost a write each time."""


def create(
    session: Session,
    clock: Clock,
    *,
    name: str,
    scopes: list[str],
    author: str,
    expires_at: datetime | None = None,
) -> str:
    """
    Make a key and return it, for the only time.

    Raises `Conflict` for a name in use, `InvalidInput` for an unknown scope, none, or no name.
    """
    if not scopes:
        raise InvalidInput(f"Choose what the key may do: {', '.join(Scope)}.", field="scopes")
    for scope in scopes:
        if scope not in list(Scope):
            hint = did_you_mean(scope, list(Scope))
            raise InvalidInput(
                f"No scope is named {scope!r}.{hint} Choose from {', '.join(Scope)}.",
                field="scopes",
            )
    if not name.strip():
        raise InvalidInput("Give the key a name, so that you know it again.", field="name")
    if session.scalar(select(ApiKey).where(ApiKey.name == name)):
        raise Conflict(f"A key is already named {name!r}. Choose another name.")
    key = f"gbx_{secrets.token_urlsafe(32)}"
    # A key of 256 random bits needs no slow hash: there is nothing to guess.
    row = ApiKey(
        name=name,
        hash=sha256_hex(key.encode()),
        scopes=scopes,
        created_at=clock.now(),
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    after = {"scopes": scopes, "expires_at": expires_at}
    audit.record(
        session, clock, actor=author, action="key.created", subject=row.subject, after=after
    )
    return key


def list_all(session: Session) -> list[ApiKey]:
    """The newest first; those that work no longer are among them."""
    return list(session.scalars(select(ApiKey).order_by(ApiKey.id.desc())))


def revoke(session: Session, clock: Clock, key_id: int, *, author: str) -> ApiKey:
    """From now on nobody gets in by it. Raises `NotFound`."""
    row = session.get(ApiKey, key_id)
    if row is None:
        raise NotFound(f"There is no key {key_id}.")
    if row.revoked_at is None:
        row.revoked_at = clock.now()
        audit.record(session, clock, actor=author, action="key.revoked", subject=row.subject)
    return row


def check(session: Session, clock: Clock, key: str, needed: Scope) -> ApiKey:
    """
    Whose key this is.

    Raises `UnknownKey` for an unknown, revoked or expired key, `NotAllowed` for one without scope.
    """
    now = clock.now()
    row = session.scalar(select(ApiKey).where(ApiKey.hash == sha256_hex(key.encode())))
    if row is None or not row.is_good(now):
        raise UnknownKey("This API key is unknown, has expired or was revoked.")
    if row.last_used_at is None or now - row.last_used_at >= _USED_EVERY:
        row.last_used_at = now
    if needed not in row.scopes:
        raise NotAllowed(f"The key {row.name!r} lacks the scope {needed.value!r}.")
    return row


def watch(clock: Clock, key: ApiKey) -> Callable[[Session], bool]:
    """Asks whether the key is good still, for answers that go on for hours."""

    def is_good(session: Session) -> bool:
        row = session.get(ApiKey, key.id)
        return row is not None and row.is_good(clock.now())

    return is_good
