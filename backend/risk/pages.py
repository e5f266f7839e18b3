"""The risk page: kill switch, limits at each level, what was refused, who changed what."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.core.database import SessionDep
from backend.core.errors import AppError, Conflict, InvalidInput
from backend.portfolio import halts, limits
from backend.risk import limits_text, switches
from backend.risk import service as risk
from backend.risk import view as risk_view
from backend.strategies import service as strategies
from backend.trading.oversight import IN_WORDS
from backend.web import audit
from backend.web.audit import AuditRow, Filters
from backend.web.flash import flash
from backend.web.forms import FieldsDep
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep

router = APIRouter(include_in_schema=False)

Account = Annotated[str, Query(max_length=32)]
CHANGES_SHOWN = 12


@router.get("/risk")
def show_risk(request: Request, session: SessionDep, clock: ClockDep) -> Response:
    return page(request, session, clock)


@router.get("/risk/limits")
def edit_limits(request: Request, session: SessionDep, account: Account = "") -> Response:
    """The limits of an account, or of everything."""
    if account:
        risk.known_account(session, account)
    version = limits.newest(session, account)
    texts = limits_text.to_texts(limits.stored(version))
    return _form(request, account, version.number if version else 0, texts)


@router.post("/risk/limits")
def save_limits(
    request: Request, session: SessionDep, clock: ClockDep, actor: ActorDep, fields: FieldsDep
) -> Response:
    account = fields.get("account", "")
    based_on = fields.get("based_on", "")
    texts = {name: fields.get(name, "") for name in limits_text.fields()}
    if account:
        risk.known_account(session, account)
    if not based_on.isdecimal() or len(based_on) > 9:
        raise InvalidInput("The form lacks the version it began with. Open it anew.")
    try:
        wanted = limits.checked(limits_text.to_document(texts))
        limits.save(
            session, clock, account=account, limits=wanted, actor=actor, based_on=int(based_on)
        )
    except (InvalidInput, Conflict) as error:
        newest = limits.newest(session, account)
        number = newest.number if newest and isinstance(error, Conflict) else int(based_on)
        return _form(request, account, number, texts, error)
    return back(f"The limits of {limits.subject(account)} are in force from the next check on.")


def page(
    request: Request,
    session: Session,
    clock: ClockDep,
    *,
    wrong: dict[str, Any] | None = None,
    tried: dict[str, Any] | None = None,
) -> Response:
    """`wrong` is a release that was not confirmed, `tried` a halt that was refused."""
    now = clock.now()
    named = {str(each.id): each.name for each in strategies.list_all(session)}
    accounts, orders = risk.accounts(session), risk_view.orders_today(now)
    looked = risk_view.seen(session, now, orders)
    context = {
        "switches": switches.pulled(session),
        "mark": switches.mark(session),
        "meanings": IN_WORDS,
        "named": named,
        "accounts": accounts,
        "seen": looked,
        "levels": risk_view.levels(session, accounts, looked, orders),
        "own": risk_view.own(session),
        "refusals": risk.refusals(session, now),
        "changes": _changes(session),
        "halt_file": halts.file(),
        "wrong": wrong or {},
        "tried": tried or {},
        "now": now,
    }
    status = 422 if wrong or tried else 200
    return templates.TemplateResponse(request, "risk/page.html", context, status_code=status)


def _changes(session: Session) -> list[AuditRow]:
    """Of limits and switches, the newest first."""
    found = [
        *audit.find(session, Filters(action="limits."), CHANGES_SHOWN),
        *audit.find(session, Filters(action="halt."), CHANGES_SHOWN),
    ]
    return sorted(found, key=lambda row: row.id, reverse=True)[:CHANGES_SHOWN]


def _form(
    request: Request,
    account: str,
    number: int,
    texts: dict[str, str],
    error: AppError | None = None,
) -> Response:
    field = (error.field or "").partition(".")[0] if error else ""
    context = {
        "account": account,
        "subject": limits.subject(account),
        "based_on": number,
        "fields": limits_text.fields(),
        "label": limits_text.label,
        "texts": texts,
        "error": error,
        "error_field": field,
    }
    status = error.status_code if error else 200
    return templates.TemplateResponse(request, "risk/limits.html", context, status_code=status)


def back(said: str, kind: Any = "good") -> Response:
    response = RedirectResponse("/risk", status_code=303)
    flash(response, said, kind)
    return response
