"""What the broker told of accounts last, kept so that pages need not ask it."""

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.brokers.base import AccountSnapshot
from backend.core import events
from backend.core.database import after_commit
from backend.portfolio.models import AccountLook

SUBJECT = "portfolio"
"""What live pages watch to learn that an account was looked at."""

_SNAPSHOT: TypeAdapter[AccountSnapshot] = TypeAdapter(AccountSnapshot)


def keep(session: Session, snapshot: AccountSnapshot) -> None:
    """Instead of what was kept of this account before."""
    values = {
        "account": snapshot.account,
        "at": snapshot.taken_at,
        "document": _SNAPSHOT.dump_python(snapshot, mode="json"),
    }
    fresh = insert(AccountLook).values(values)
    rest = {name: fresh.excluded[name] for name in ("at", "document")}
    session.execute(fresh.on_conflict_do_update(index_elements=[AccountLook.account], set_=rest))
    after_commit(session, lambda: events.publish(SUBJECT))


def newest(session: Session, account: str) -> AccountSnapshot | None:
    """None while nobody has looked at it."""
    document = session.scalar(select(AccountLook.document).where(AccountLook.account == account))
    return None if document is None else _SNAPSHOT.validate_python(document)
