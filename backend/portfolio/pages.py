"""The portfolio: what an account holds, what that is worth and may lose, and whose it is."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.core.database import SessionDep, transaction
from backend.core.errors import AppError, Conflict, InvalidInput
from backend.portfolio import (
    accounts,
    beside,
    breakdown,
    closing_by_hand,
    curves,
    equity,
    holdings,
    looks,
    plots,
    refreshing,
)
from backend.portfolio.books import explaining
from backend.portfolio.curves import Range
from backend.web import sessions
from backend.web.flash import flash
from backend.web.live import HubDep, follow_changes, stream
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep
from backend.web.time_plot import NARROW

router = APIRouter(include_in_schema=False)

Account = Annotated[str, Query(max_length=32)]
AccountField = Annotated[str, Form(max_length=32)]
Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
Wide = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/live/portfolio")
def follow_portfolio(request: Request, hub: HubDep, clock: ClockDep, known: str = "") -> Response:
    """What the portfolio page watches; `known` is the state that it was made from."""
    last_seen = request.headers.get("Last-Event-ID", known)
    may_read = sessions.watch(clock, request.state.browser_session)
    return stream(follow_changes(hub, looks.SUBJECT, last_seen, mark, may_read))


@router.get("/portfolio")
def show_portfolio(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    account: Account = "",
    over: Range = Range.MONTH,
) -> Response:
    return _page(request, session, clock, account, over)


@router.post("/portfolio/refresh")
def refresh(request: Request, account: AccountField) -> Response:
    """Asks the broker, which takes seconds; no transaction is open meanwhile."""
    response = _back(account)
    try:
        refreshing.look(request.app.state.tools.broker, account)
    except AppError as error:
        flash(response, f"The broker could not be asked: {error.message}", "bad")
    else:
        flash(response, "The broker was asked a moment ago.")
    return response


@router.post("/portfolio/round-trips/{trip_id}/close")
def close_round_trip(
    session: SessionDep, clock: ClockDep, actor: ActorDep, trip_id: Wide, account: AccountField = ""
) -> Response:
    response = _back(account)
    try:
        closing = closing_by_hand.close_round_trip(session, clock, trip_id, actor)
    except Conflict as error:
        flash(response, error.message, "warn")
    else:
        flash(response, f"{closing.symbol} is being closed. This page tells how far it is.", "info")
    return response


@router.post("/portfolio/positions/{conid}/close")
def close_position(
    session: SessionDep, clock: ClockDep, actor: ActorDep, conid: Wide, account: AccountField
) -> Response:
    response = _back(account)
    try:
        closing = closing_by_hand.close_position(
            session, clock, account=account, conid=conid, actor=actor
        )
    except Conflict as error:
        flash(response, error.message, "warn")
    else:
        flash(response, f"{closing.symbol} is being closed. This page tells how far it is.", "info")
    return response


@router.post("/portfolio/drifts/{drift_id}/explain")
def explain_drift(
    request: Request,
    clock: ClockDep,
    actor: ActorDep,
    drift_id: Id,
    account: AccountField = "",
    reason: Annotated[str, Form(max_length=10_000)] = "",
    closes: Annotated[list[int] | None, Form()] = None,
) -> Response:
    """Our books follow the broker's from then on, and orders are allowed again."""
    try:
        # A transaction of its own: what is refused halfway leaves nothing.
        with transaction() as session:
            row = explaining.explain(session, clock, drift_id, reason, actor, closes=closes or ())
            symbol, account = row.symbol, row.account
    except (InvalidInput, Conflict) as error:
        # What was typed stays in the form; where somebody was faster there is none any more.
        tried = {"id": drift_id, "reason": reason, "closes": closes or [], "error": error.message}
        with transaction() as session:
            return _page(request, session, clock, account, Range.MONTH, tried=tried, error=error)
    response = _back(account)
    flash(response, f"The difference in {symbol} is explained; orders are allowed again.")
    return response


def mark(session: Session) -> str:
    """A short text that is another one as soon as anything on the page is."""
    return str(session.scalar(_MARK))


_MARK = text("""
SELECT concat_ws('.',
  (SELECT sum(extract(epoch FROM at)) FROM account_looks),
  (SELECT max(id) FROM order_transitions),
  (SELECT extract(epoch FROM max(updated_at)) FROM orders),
  (SELECT string_agg(id || state || md5(outcome), ',' ORDER BY id) FROM closings
    WHERE done_at IS NULL),
  (SELECT max(id) FROM closings WHERE done_at IS NOT NULL),
  (SELECT string_agg(concat_ws('/', id, ours, brokers, confirmed_at IS NULL), ',' ORDER BY id)
    FROM drifts WHERE explained_at IS NULL))
""")


def _page(
    request: Request,
    session: Session,
    clock: ClockDep,
    asked: str,
    over: Range,
    *,
    tried: dict[str, Any] | None = None,
    error: AppError | None = None,
) -> Response:
    """`tried` is an explanation that was refused with `error`."""
    standing = request.app.state.standing()
    seen = mark(session)
    account = accounts.choose(session, asked, standing.account if standing else None)
    context: dict[str, Any] = {
        "mark": seen,
        "accounts": [(each, equity.newest(session, each)) for each in accounts.known(session)],
        "account": account,
        "over": over,
        "ranges": list(Range),
        "now": clock.now(),
        "tried": tried or {},
    }
    if account is not None:
        context |= _of_account(session, account, over, clock)
    status = error.status_code if error else 200
    return templates.TemplateResponse(request, "portfolio/page.html", context, status_code=status)


def _of_account(session: Session, account: str, over: Range, clock: ClockDep) -> dict[str, Any]:
    held = holdings.read(session, account)
    curve = curves.read(session, account, over, clock.now())
    return {
        "held": held,
        "worth": equity.newest(session, account),
        "curve": curve,
        "plots": plots.of(curve),
        "narrow": plots.of(curve, NARROW),
        "strategies": breakdown.by_strategy(session, account, held),
        "symbols": breakdown.by_symbol(session, account, held),
        "beside": beside.read(session, account, held.snapshot if held else None),
        "closed": closing_by_hand.newest(session, account),
    }


def _back(account: str) -> RedirectResponse:
    query = f"?{urlencode({'account': account})}" if account else ""
    return RedirectResponse(f"/portfolio{query}", status_code=303)
