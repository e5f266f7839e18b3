"""Persons: those who may look at the pages and steer; each may have a password."""

import getpass
import secrets
from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.core.clock import Clock
from backend.core.database import Model
from backend.core.errors import Conflict, InvalidInput, NotFound, did_you_mean

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
"""Characters; hashing much more would only keep the machine busy."""
LONGEST_NAME = 64

_hasher = PasswordHasher()  # argon2id, with the lesser of RFC 9106's two settings


class Person(Model):
    __tablename__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str | None]
    """None: signs in by links alone."""
    created_at: Mapped[datetime]

    @property
    def actor(self) -> str:
        """As records name this person."""
        return f"person:{self.name}"

    @property
    def subject(self) -> str:
        """As the audit log names this person as the one that something happened to."""
        return f"person {self.name}"


def owner_name() -> str:
    """The user of this machine; `owner` where the system has no name for it, or only `root`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return "owner"
    return "owner" if name == "root" else name


def owner(session: Session, clock: Clock) -> Person:
    """The person named after the machine's user, made when missing."""
    return find(session, owner_name()) or add(session, clock, owner_name())


def add(session: Session, clock: Clock, name: str) -> Person:
    """Raises `InvalidInput` for a name that cannot be shown, `Conflict` for one in use."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidInput(
            f"A person's name has 1 to {LONGEST_NAME} printable characters.", field="name"
        )
    if find(session, name) is not None:
        raise Conflict(f"A person is already named {name!r}.")
    person = Person(name=name, created_at=clock.now())
    session.add(person)
    session.flush()
    return person


def find(session: Session, name: str) -> Person | None:
    return session.scalar(select(Person).where(Person.name == name))


def get(session: Session, name: str) -> Person:
    """Raises `NotFound`, with the nearest name."""
    person = find(session, name)
    if person is None:
        hint = did_you_mean(name, session.scalars(select(Person.name)))
        raise NotFound(
            f"No person is named {name!r}.{hint} `glassbox link {name} --new` makes one."
        )
    return person


def set_password(person: Person, password: str) -> None:
    """Raises `InvalidInput` for one that is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidInput(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters;"
            f" this one has {len(password)}. Several words in a row are easy to keep.",
            field="password",
        )
    person.password_hash = _hasher.hash(password)


def with_password(session: Session, name: str, password: str) -> Person | None:
    """Whoever has this name and password. Takes as long for a name that nobody has."""
    person = find(session, name)
    return person if has_password(person, password) else None


def has_password(person: Person | None, password: str) -> bool:
    kept = person.password_hash if person is not None else None
    try:
        _hasher.verify(kept or _nobodys_hash(), password[: LONGEST_PASSWORD + 1])
    except VerificationError:
        return False
    if person is None or kept is None:
        return False
    if _hasher.check_needs_rehash(kept):
        person.password_hash = _hasher.hash(password)
    return True


@cache
def _nobodys_hash() -> str:
    """Checked for names without a password, so that the time an answer takes tells nothing."""
    return _hasher.hash(secrets.token_urlsafe())
