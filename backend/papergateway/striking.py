"""How each fault that hits a request shows."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from backend.papergateway import answers
from backend.papergateway.faults import REQUEST_FAULTS, SESSION_EVENTS, Fault, FaultKind
from backend.papergateway.login import BrokerageSession
from backend.papergateway.world import World

IBKR_TIMEOUT_SECONDS = 10.0
CARRIED_OUT = frozenset({FaultKind.DROP_AFTER, FaultKind.ERROR_AFTER, FaultKind.DELAY_AFTER})
"""The request has its effect; only its answer goes wrong."""
Answering = Callable[[], Awaitable[Response]]


async def strike(
    world: World, request: Request, path: str, answer: Answering
) -> tuple[str | None, Response | None]:
    """The name of the fault, if any, and the answer; None where the connection was cut."""
    fault = world.faults.strike(REQUEST_FAULTS, request.method, path)
    if fault is None:
        return None, await answer()
    if fault.kind in SESSION_EVENTS:
        happen(world.session, fault.kind)
        return fault.kind, await answer()
    if fault.kind in CARRIED_OUT:
        answered = await answer()
        if fault.kind is FaultKind.DELAY_AFTER:
            await _wait(world, fault)
            return fault.kind, answered
    if fault.kind in (FaultKind.DROP, FaultKind.DROP_AFTER):
        return fault.kind, _cut(request)
    return fault.kind, await _answer_wrongly(world, fault, answer)


def happen(session: BrokerageSession, kind: FaultKind) -> None:
    """A session event, now."""
    events: dict[FaultKind, Callable[[], None]] = {
        FaultKind.SESSION_ID: session.change_id,
        FaultKind.COMPETING: session.lose_to_competitor,
        FaultKind.LOGOUT: session.log_out,
        FaultKind.NIGHTLY_RESET: session.nightly_reset,
        FaultKind.SSO_EXPIRED: lambda: session.log_out(expired=True),
    }
    events[kind]()


async def _answer_wrongly(world: World, fault: Fault, answer: Answering) -> Response:
    if fault.kind in (FaultKind.STALL, FaultKind.DELAY):
        await _wait(world, fault)
        if fault.kind is FaultKind.DELAY:
            return await answer()
    if fault.kind is FaultKind.PENALTY_BOX:
        world.pacing.box()
    return _WRONG[fault.kind](fault)


async def _wait(world: World, fault: Fault) -> None:
    seconds = IBKR_TIMEOUT_SECONDS if fault.seconds is None else fault.seconds
    await asyncio.sleep(world.clock.real_seconds(seconds))


def _cut(request: Request) -> Response | None:
    """End the TCP connection without a word; only a real server has one to end."""
    drop = request.scope.get("state", {}).get("drop_connection")
    if drop is None:
        return answers.failed(503, "Service Unavailable")
    drop()
    return None


def _error(fault: Fault) -> Response:
    return answers.failed(fault.status or 503, fault.text or "Service Unavailable")


def _page(fault: Fault) -> Response:
    return answers.html(fault.status or 404, fault.text or "Not Found")


_WRONG: dict[FaultKind, Callable[[Fault], Response]] = {
    FaultKind.STALL: _error,
    FaultKind.ERROR: _error,
    FaultKind.ERROR_AFTER: _error,
    FaultKind.EMPTY: lambda fault: answers.empty(fault.status or 200),
    FaultKind.HTML: _page,
    FaultKind.ERROR_200: lambda fault: answers.error(200, fault.text or "Something went wrong"),
    FaultKind.FAKE_401: lambda fault: answers.empty(401),
    FaultKind.RATE_LIMIT: lambda fault: answers.error(429, fault.text or "Too many requests"),
    FaultKind.PENALTY_BOX: lambda fault: answers.error(429, fault.text or "Too many requests"),
}
