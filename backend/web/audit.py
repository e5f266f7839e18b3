"""Who changed what: one line per change, written with it and never touched again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import to_jsonable_python
from sqlalchemy import BigInteger, Identity, Index, Select, select
from sqlalchemy.orm import Mapped, Session, mapped_column
from structlog.contextvars import get_contextvars

from backend.core.clock import Clock
from backend.core.database import Model
from backend.core.redaction import redact, redact_text

PAGE = 50


class AuditRow(Model):
    """The database itself refuses to change or delete a row."""

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("audit_log_by_actor", "actor", "id"),
        Index("audit_log_by_action", "action", "id"),
        Index("audit_log_by_subject", "subject", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    """`person:NAME`, `key:NAME`, `cli`, or who else asked."""
    action: Mapped[str]
    """What happened to what, such as `strategy.saved`."""
    subject: Mapped[str]
    """Which one, such as `strategy 3`."""
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    request_id: Mapped[str | None]
    """As in the logs; none when no browser or program asked over HTTP."""
    address: Mapped[str | None]
    """Where the request came from."""


def record(
    session: Session,
    clock: Clock,
    *,
    actor: str,
    action: str,
    subject: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """
    Note a change in the transaction that makes it, so that neither is kept without the other.

    `before` and `after` are what changed, or as much as says what happened; moments, money and
    enumerations may stand in them. Secrets are taken out.
    """
    context = get_contextvars()
    session.add(
        AuditRow(
            at=clock.now(),
            actor=redact_text(actor),
            action=action,
            subject=redact_text(subject),
            before=redact(to_jsonable_python(before)),
            after=redact(to_jsonable_python(after)),
            request_id=context.get("request"),
            address=context.get("address"),
        )
    )


@dataclass(frozen=True, kw_only=True)
class Filters:
    """None is "any"; `before` is the id of the last row seen, for the page behind it."""

    actor: str | None = None
    action: str | None = None
    """Whole, or its beginning: `strategy.` finds all that happened to strategies."""
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def find(session: Session, filters: Filters, limit: int = PAGE) -> list[AuditRow]:
    """The newest first."""
    query = _narrowed(select(AuditRow), filters)
    return list(session.scalars(query.order_by(AuditRow.id.desc()).limit(limit)))


def _narrowed(query: Select[tuple[AuditRow]], filters: Filters) -> Select[tuple[AuditRow]]:
    if filters.actor is not None:
        query = query.where(AuditRow.actor == filters.actor)
    if filters.subject is not None:
        query = query.where(AuditRow.subject == filters.subject)
    if filters.action is not None:
        query = query.where(AuditRow.action.startswith(filters.action, autoescape=True))
    if filters.since is not None:
        query = query.where(AuditRow.at >= filters.since)
    if filters.until is not None:
        query = query.where(AuditRow.at < filters.until)
    if filters.before is not None:
        query = query.where(AuditRow.id < filters.before)
    return query
