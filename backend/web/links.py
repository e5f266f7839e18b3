"""Sign-in links: each works once and not for long. Whoever may use the terminal may make one."""

import secrets
from datetime import datetime, timedelta
from urllib.parse import urlencode

from sqlalchemy import ForeignKey, delete, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.core.clock import Clock
from backend.core.database import Model
from backend.core.hashing import sha256_hex
from backend.web.addresses import web_address
from backend.web.people import Person

GOOD_FOR = timedelta(hours=1)
"""Long enough for the first start's reading, too short for a terminal's history to matter."""
_KEPT = timedelta(days=1)


class SignInToken(Model):
    __tablename__ = "sign_in_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


def make(session: Session, clock: Clock, person: Person) -> str:
    """The token of a new link, for the only time."""
    now = clock.now()
    session.execute(delete(SignInToken).where(SignInToken.expires_at < now - _KEPT))
    token = secrets.token_urlsafe(32)
    session.add(
        SignInToken(
            hash=sha256_hex(token.encode()),
            person_id=person.id,
            created_at=now,
            expires_at=now + GOOD_FOR,
        )
    )
    return token


def address(token: str) -> str:
    """Where the person opens it: the web process on this machine."""
    return f"{web_address()}/sign-in?{urlencode({'token': token})}"


def use(session: Session, clock: Clock, token: str) -> Person | None:
    """Whoever the link was made for; None when it is unknown, too old, or was used before."""
    now = clock.now()
    # One statement: of two who come with the same link at once, one gets in.
    person_id = session.scalar(
        update(SignInToken)
        .where(
            SignInToken.hash == sha256_hex(token.encode()),
            SignInToken.used_at.is_(None),
            SignInToken.expires_at > now,
        )
        .values(used_at=now)
        .returning(SignInToken.person_id)
    )
    return None if person_id is None else session.get_one(Person, person_id)
