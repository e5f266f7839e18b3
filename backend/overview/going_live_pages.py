"""The checklist page, and the typed confirmation at its end."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.brokers.base import Account, Broker, SessionStatus
from backend.core.clock import Clock
from backend.core.database import SessionDep, transaction
from backend.core.errors import AppError, InvalidInput, SessionDown, did_you_mean
from backend.overview import going_live
from backend.portfolio import live_trading
from backend.portfolio.models import LiveConfirmation
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


def confirm(
    broker: Broker, clock: Clock, account_id: str, typed: str, actor: str
) -> LiveConfirmation:
    """The gateway is asked at this moment what kind of account it is."""
    session_now = broker.session()
    if session_now.status is not SessionStatus.READY:
        raise SessionDown(session_now.detail, code=session_now.status.value)
    account = _reported(broker.accounts(), account_id)
    with transaction() as session:
        return live_trading.confirm(
            session,
            clock,
            account=account,
            typed=typed,
            missing=going_live.missing(session, account.id),
            actor=actor,
        )


def _reported(accounts: tuple[Account, ...], account_id: str) -> Account:
    for account in accounts:
        if account.id == account_id:
            return account
    known = [account.id for account in accounts]
    raise InvalidInput(
        f"The gateway reports no account {account_id!r}; it has {', '.join(known) or 'none'}."
        f"{did_you_mean(account_id, known)}",
        field="account",
    )


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
