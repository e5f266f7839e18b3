"""Sets of filters that a person gave a name, to come back to."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.core.errors import InvalidInput, NotFound
from backend.executions.models import SavedView

LONGEST_NAME = 60
MOST = 30


def of(session: Session, owner: str) -> list[SavedView]:
    rows = select(SavedView).where(SavedView.owner == owner).order_by(SavedView.name)
    return list(session.scalars(rows))


def save(session: Session, clock: Clock, *, owner: str, name: str, query: str) -> SavedView:
    """A name in use gets the new filters. Raises `InvalidInput` for a name that cannot be."""
    name = " ".join(name.split())
    if not name:
        raise InvalidInput("Give the view a name, such as 'Failed this week'.", field="name")
    if len(name) > LONGEST_NAME:
        raise InvalidInput(f"A view's name has at most {LONGEST_NAME} characters.", field="name")
    known = {view.name: view for view in of(session, owner)}
    if name in known:
        known[name].query = query
        return known[name]
    if len(known) >= MOST:
        raise InvalidInput(f"You have {MOST} views already; delete one first.", field="name")
    view = SavedView(owner=owner, name=name, query=query, created_at=clock.now())
    session.add(view)
    session.flush()
    return view


def forget(session: Session, *, owner: str, view_id: int) -> str:
    """Delete one of the owner's views; returns its name."""
    mine = (SavedView.id == view_id, SavedView.owner == owner)
    name: str | None = session.scalar(delete(SavedView).where(*mine).returning(SavedView.name))
    if name is None:
        raise NotFound("You have no such view; it may be deleted already.")
    return name
