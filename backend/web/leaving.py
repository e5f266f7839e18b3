"""A person leaves: nobody gets in any more by what was theirs. What they did stays on record."""

from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.web import audit, keys, people
from backend.web.audit import AuditRow
from backend.web.keys import ApiKey
from backend.web.links import SignInToken
from backend.web.people import Person
from backend.web.sessions import BrowserSession


@dataclass(frozen=True)
class Left:
    sessions: int
    """That were going on."""
    keys: tuple[str, ...]
    """Names of those that opened something until now."""


def remove(session: Session, clock: Clock, name: str, *, actor: str) -> Left:
    """
    Take a person's sessions, sign-in links and password, and revoke the keys that they made.

    Raises `NotFound`, with the nearest name. The same name can be given to somebody else later,
    who begins with nothing.
    """
    person = people.get(session, name)
    now = clock.now()
    good = [key for key in _made_by(session, person) if key.is_good(now)]
    for key in good:
        keys.revoke(session, clock, key.id, author=actor)
    ended = session.scalars(
        delete(BrowserSession)
        .where(BrowserSession.person_id == person.id)
        .returning(BrowserSession.revoked_at)
    ).all()
    session.execute(delete(SignInToken).where(SignInToken.person_id == person.id))
    session.delete(person)
    left = Left(
        sessions=sum(revoked_at is None for revoked_at in ended),
        keys=tuple(key.name for key in good),
    )
    audit.record(
        session,
        clock,
        actor=actor,
        action="person.removed",
        subject=person.subject,
        after={"sessions_ended": left.sessions, "keys_revoked": list(left.keys)},
    )
    return left


def _made_by(session: Session, person: Person) -> list[ApiKey]:
    """As the audit log has it: keys have names that are never used again."""
    made = select(AuditRow.subject).where(
        AuditRow.actor == person.actor, AuditRow.action == "key.created"
    )
    names = [subject.removeprefix("key ") for subject in session.scalars(made)]
    return list(session.scalars(select(ApiKey).where(ApiKey.name.in_(names)).order_by(ApiKey.id)))
