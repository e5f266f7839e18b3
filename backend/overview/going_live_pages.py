"""The checklist page, and the typed confirmation at its end."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.core.database import SessionDep, transaction
from backend.core.errors import AppError, InvalidInput
from backend.overview import going_live
from backend.overview.confirming import confirm
from backend.portfolio import live_trading
from backend.web.flash import Kind, flash
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep

router = APIRouter(include_in_schema=False)

Words = Annotated[str, Form(max_length=200)]


@router.get("/go-live")
def show_going_live(request: Request, session: SessionDep) -> Response:
    return _page(request, session)


@router.post("/go-live/confirm")
def confirm_live(
    request: Request,
    clock: ClockDep,
    actor: ActorDep,
    account: Words = "",
    confirmation: Words = "",
    has_read: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    try:
        if has_read != "yes":
            raise InvalidInput(
                "Say that you have read what the software cannot protect you from.",
                field="has_read",
            )
        confirm(request.app.state.tools.broker, clock, account, confirmation, actor)
    except AppError as error:
        entered = {"account": account, "confirmation": confirmation, "has_read": has_read}
        with transaction() as session:
            return _page(request, session, error=error, entered=entered)
    return _back(f"Orders may move real money in {account} from now on.", "warn")


@router.post("/go-live/withdraw")
def withdraw_live(
    session: SessionDep, clock: ClockDep, actor: ActorDep, account: Words = ""
) -> Response:
    """One click: to stop must be easier than to begin."""
    live_trading.withdraw(session, clock, account=account, actor=actor)
    return _back(f"No order goes to {account} any more. Orders at the broker stay as they are.")


def _page(
    request: Request,
    session: Session,
    *,
    error: AppError | None = None,
    entered: dict[str, str] | None = None,
) -> Response:
    standing = request.app.state.standing()
    context = {
        "phases": going_live.phases(session, standing),
        "accounts": going_live.accounts(session, standing),
        "error": error,
        "entered": entered or {},
    }
    status = error.status_code if error else 200
    return templates.TemplateResponse(
        request, "overview/going_live.html", context, status_code=status
    )


def _back(said: str, kind: Kind = "good") -> Response:
    response = RedirectResponse("/go-live#accounts", status_code=303)
    flash(response, said, kind)
    return response
