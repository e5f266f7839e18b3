"""API keys: shown once, kept as a hash, each with the scopes it was given."""

import secrets
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.core.clock import Clock
from backend.core.database import Model
from backend.core.errors import AppError, Conflict, InvalidInput, NotAllowed, did_you_mean
from backend.core.hashing import sha256_hex


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
    revoked_at: Mapped[datetime | None]


def create(session: Session, clock: Clock, *, name: str, scopes: list[str]) -> str:
    """Make a key and return it, for the only time. Raises `Conflict` for a name in use."""
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
    session.add(
        ApiKey(name=name, hash=sha256_hex(key.encode()), scopes=scopes, created_at=clock.now())
    )
    session.flush()
    return key


def check(session: Session, key: str, needed: Scope) -> ApiKey:
    """Raises `UnknownKey` for an unknown or revoked key, `NotAllowed` for one without scope."""
    row = session.scalar(select(ApiKey).where(ApiKey.hash == sha256_hex(key.encode())))
    if row is None or row.revoked_at is not None:
        raise UnknownKey("This API key is unknown or was revoked.")
    if needed not in row.scopes:
        raise NotAllowed(f"The key {row.name!r} lacks the scope {needed.value!r}.")
    return row
