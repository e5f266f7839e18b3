"""Pulling and releasing the kill switch with a browser, and seeing live what it has done."""

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Form, Request, Response

from backend.core.database import SessionDep
from backend.core.errors import AppError, Conflict, InvalidInput
from backend.portfolio import halts
from backend.portfolio.models import Scope
from backend.risk import service as risk
from backend.risk import switches
from backend.risk.pages import back, page
from backend.risk.service import Target
from backend.trading.oversight import IN_WORDS, MEANINGS, Meaning
from backend.web import sessions
from backend.web.live import HubDep, follow_changes, stream
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep

router = APIRouter(include_in_schema=False)


@router.get("/live/risk")
def follow_risk(request: Request, hub: HubDep, clock: ClockDep, known: str = "") -> Response:
    """What the risk page watches; `known` is the state that it was made from."""
    last_seen = request.headers.get("Last-Event-ID", known)
    may_read = sessions.watch(clock, request.state.browser_session)
    return stream(follow_changes(hub, halts.SUBJECT, last_seen, switches.mark, may_read))


@router.post("/risk/halt")
def pull_halt(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    actor: ActorDep,
    target: Annotated[str, Form(max_length=100)] = "all",
    meaning: Annotated[str, Form(max_length=100)] = "stop",
    reason: Annotated[str, Form(max_length=10_000)] = "",
    sure: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """
    `target` is `all`, `account:ID` or `strategy:NUMBER`.

    What cancels or closes anything is shown first, and done once `sure` is `yes`.
    """
    asked = {"target": target, "meaning": meaning, "reason": reason}
    try:
        wanted, means = _target(session, target), _meaning(meaning)
        if means != "stop" and sure != "yes":
            return _confirmation(request, session, wanted, means, asked)
        halts.pull(
            session,
            clock,
            scope=wanted.scope,
            target=wanted.target,
            meaning=means,
            reason=reason,
            actor=actor,
        )
    except Conflict as error:
        return back(error.message, "warn")
    except AppError as error:
        tried = {"field": error.field, "message": error.message, **asked}
        return page(request, session, clock, tried=tried)
    return back(f"Halted: {wanted.name}. {IN_WORDS[means]}", "warn")


def _target(session: SessionDep, text: str) -> Target:
    scope, _, whose = text.partition(":")
    if scope not in get_args(Scope):
        raise InvalidInput("Choose what to halt.", field="target")
    return risk.target(
        session,
        account=whose if scope == "account" else None,
        strategy=whose if scope == "strategy" else None,
    )


def _meaning(text: str) -> Meaning:
    for meaning in MEANINGS:
        if text == meaning:
            return meaning
    raise InvalidInput(f"Choose what it does: {', '.join(MEANINGS)}.", field="meaning")


def _confirmation(
    request: Request, session: SessionDep, wanted: Target, meaning: Meaning, asked: dict[str, Any]
) -> Response:
    context = {
        "wanted": wanted,
        "meaning": meaning,
        "does": IN_WORDS[meaning],
        "reach": switches.reach(session, wanted),
        "asked": asked,
    }
    return templates.TemplateResponse(request, "risk/confirm_halt.html", context)


@router.post("/risk/release")
def release_halt(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    actor: ActorDep,
    scope: Annotated[Scope, Form()],
    target: Annotated[str, Form(max_length=100)] = "",
    confirmation: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    try:
        halts.release(session, clock, scope=scope, target=target, typed=confirmation, actor=actor)
    except InvalidInput as error:
        wrong = {"scope": scope, "target": target, "typed": confirmation, "error": error.message}
        return page(request, session, clock, wrong=wrong)
    except AppError as error:
        return back(error.message, "warn")
    return back(f"Released: {halts.name_of(scope, target)}.")
