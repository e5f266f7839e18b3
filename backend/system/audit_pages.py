"""Who changed what, with what it was before and is after."""

from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.core.database import SessionDep
from backend.web import audit
from backend.web.audit import AuditRow
from backend.web.filters import FormQuery, start_of
from backend.web.rendering import templates

router = APIRouter(include_in_schema=False)

_LATELY = 2_000
"""Rows among which actors and actions are looked for, to choose from."""


class AuditQuery(FormQuery):
    """The audit log as its address asks for it."""

    actor: str | None = Field(None, max_length=200)
    action: str | None = Field(None, max_length=100)
    subject: str | None = Field(None, max_length=200)
    since: date | None = None
    until: date | None = None
    before: int | None = Field(None, ge=1, le=2**63 - 1)

    @property
    def filters(self) -> audit.Filters:
        return audit.Filters(
            actor=self.actor,
            action=self.action,
            subject=self.subject,
            since=start_of(self.since),
            until=start_of(self.until, days_later=1),
            before=self.before,
        )

    @property
    def narrows(self) -> bool:
        return bool(self.model_dump(exclude_none=True).keys() - {"before"})

    def href(self, before: int | None = None) -> str:
        asked = self.model_dump(mode="json", exclude_none=True) | {"before": before}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        return f"/system/audit?{query}" if query else "/system/audit"


@router.get("/system/audit")
def show_audit(
    request: Request, session: SessionDep, asked: Annotated[AuditQuery, Query()]
) -> Response:
    rows = audit.find(session, asked.filters, audit.PAGE + 1)
    goes_on = len(rows) > audit.PAGE
    rows = rows[: audit.PAGE]
    context = {
        "asked": asked,
        "rows": [(row, _as_text(row.before), _as_text(row.after), _link(row)) for row in rows],
        "older": asked.href(rows[-1].id) if goes_on else "",
        "newest": asked.href() if asked.before is not None else "",
        "known": _known(session),
    }
    return templates.TemplateResponse(request, "system/audit.html", context)


def _as_text(document: dict[str, Any] | None) -> str:
    if document is None:
        return ""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()


_PAGES = {"strategy": "/strategies/", "execution": "/executions/"}


def _link(row: AuditRow) -> str:
    """The page of what was changed, where a subject such as `strategy 3` has one."""
    kind, _, name = row.subject.partition(" ")
    return f"{_PAGES[kind]}{name}" if kind in _PAGES and name.isdecimal() else ""


def _known(session: Session) -> dict[str, list[str]]:
    """Actors and actions of the newest rows, to choose from."""
    rows = session.execute(
        text("""
            SELECT DISTINCT actor, action FROM
              (SELECT actor, action FROM audit_log ORDER BY id DESC LIMIT :lately) AS newest
        """),
        {"lately": _LATELY},
    ).all()
    return {
        "actors": sorted({actor for actor, _ in rows}),
        "actions": sorted({action for _, action in rows}),
    }
