"""The control plane under /__sim, where no client of the real gateway ever looks."""

from dataclasses import asdict
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Any, TypeVar

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.core.clock import from_ms
from backend.core.errors import InvalidInput, NotAllowed, NotFound, UnknownName, did_you_mean
from backend.papergateway import books
from backend.papergateway.answers import ok, world_of
from backend.papergateway.faults import Fault, FaultKind
from backend.papergateway.login import LoginState
from backend.papergateway.striking import happen
from backend.papergateway.world import World

Body = TypeVar("Body", bound=BaseModel)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ClockChange(Strict):
    """Where to set the clock, how far to move it on, how fast it runs; in this order."""

    now: AwareDatetime | None = None
    now_ms: int | None = Field(None, ge=0, le=4_102_444_800_000)
    advance_seconds: float | None = Field(None, ge=0, le=3_200_000_000)
    speed: float | None = Field(None, gt=0, le=1_000_000)


class SessionEvent(StrEnum):
    SESSION_ID = "session_id"
    NIGHTLY_RESET = "nightly_reset"


class SessionChange(Strict):
    state: LoginState | None = None
    event: SessionEvent | None = None
    priming_status: int | None = Field(None, ge=400, le=599)


class FaultChange(Strict):
    """`clear` comes first, then `add`; an empty body only lists."""

    clear: bool = False
    add: list[Fault] = Field(default_factory=list, max_length=100)


async def read_state(request: Request) -> Response:
    return ok(_state(world_of(request)))


def _state(world: World) -> dict[str, Any]:
    boxed = world.pacing.boxed_until if world.pacing.is_boxed() else None
    return {
        **_clock(world),
        "simulated": True,
        "session": {
            "state": world.session.state,
            "id": world.session.id,
            "established": world.session.is_established,
            "queried_accounts": world.session.has_queried_accounts,
            "queried_portfolio": world.session.has_queried_portfolio,
            "priming_status": world.session.priming_status,
        },
        "pacing": {
            "enabled": world.pacing.enabled,
            "boxed_until": boxed.isoformat() if boxed else None,
            "refusals": world.pacing.refusals,
        },
        "faults": _faults(world),
        "market_data_lines": len(world.streams),
        "websockets": len(world.connections),
        "instruments": [
            {"conid": item.conid, "symbol": item.symbol, "name": item.name}
            for item in world.market.instruments.values()
        ],
        "notes": list(world.market.notes),
    }


def _clock(world: World) -> dict[str, Any]:
    return {"now_ms": world.now_ms(), "now": world.now().isoformat(), "speed": world.clock.speed}


def _faults(world: World) -> list[dict[str, Any]]:
    return [active.to_json() for active in world.faults.active]


async def read_clock(request: Request) -> Response:
    return ok(_clock(world_of(request)))


async def change_clock(request: Request) -> Response:
    world, change = world_of(request), await _read(request, ClockChange)
    if change.now is not None and change.now_ms is not None:
        raise InvalidInput("Give either `now` or `now_ms`, not both.", field="now")
    if change.now is not None:
        world.clock.set(change.now)
    if change.now_ms is not None:
        world.clock.set(from_ms(change.now_ms))
    if change.advance_seconds is not None:
        world.clock.set(world.now() + timedelta(seconds=change.advance_seconds))
    if change.speed is not None:
        world.clock.run_at(change.speed)
    world.move_on()
    return ok(_clock(world))


async def change_session(request: Request) -> Response:
    world, change = world_of(request), await _read(request, SessionChange)
    # What the clock has done to the session comes first, so that the change has the last word.
    world.session.live_on()
    if change.priming_status is not None:
        world.session.priming_status = change.priming_status
    if change.event is not None:
        happen(world.session, FaultKind(change.event))
    if change.state is not None:
        _ENTER[change.state](world)
    return ok(_state(world)["session"])


_ENTER = {
    LoginState.READY: lambda world: world.session.log_in(),
    LoginState.LOGGED_OUT: lambda world: world.session.log_out(),
    LoginState.SSO_EXPIRED: lambda world: world.session.log_out(expired=True),
    LoginState.CONNECTING: lambda world: world.session.fall_back(),
    LoginState.SSO_ONLY: lambda world: world.session.fall_back(connected=False),
    LoginState.COMPETING: lambda world: world.session.lose_to_competitor(),
}


async def read_faults(request: Request) -> Response:
    """Those that are set, and every kind that there is with what it does."""
    kinds = {kind.value: kind.meaning for kind in FaultKind}
    return ok({"faults": _faults(world_of(request)), "kinds": kinds})


async def change_faults(request: Request) -> Response:
    world, change = world_of(request), await _read(request, FaultChange)
    if change.clear:
        world.faults.clear()
    for fault in change.add:
        world.faults.add(fault)
    return await read_faults(request)


async def read_requests(request: Request) -> Response:
    log = world_of(request).requests
    return ok({"counts": dict(log.counts), "recent": [asdict(item) for item in log.recent]})


async def trade(request: Request) -> Response:
    """A position changes by hand, elsewhere."""
    world, change = world_of(request), await _read(request, books.HandTrade)
    return ok(books.trade_by_hand(world, change))


async def change_commissions(request: Request) -> Response:
    world, change = world_of(request), await _read(request, books.PlanChange)
    return ok(books.change_plan(world, change))


async def restart(request: Request) -> Response:
    """The process goes and comes back: questions are lost, sockets cut, the account stays."""
    return ok(books.restart(world_of(request)))


async def reset(request: Request) -> Response:
    world = world_of(request)
    world.reset()
    return ok(_state(world))


async def _read(request: Request, kind: type[Body]) -> Body:
    """Raises `InvalidInput` with a sentence that names the field."""
    try:
        body = orjson.loads(await request.body() or b"{}")
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"The body is not JSON: {error}.") from None
    if not isinstance(body, dict):
        raise InvalidInput("The body has to be a JSON object.")
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise _sentence(error, kind) from None


def _sentence(error: ValidationError, kind: type[BaseModel]) -> InvalidInput:
    first = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "enum":
        hint = did_you_mean(str(first["input"]), str(first["ctx"]["expected"]).split("'")[1::2])
        return UnknownName(f"{path}: {first['msg']}.{hint}", field=path)
    if first["type"] == "extra_forbidden":
        known = Fault.model_fields if len(first["loc"]) > 1 else kind.model_fields
        hint = did_you_mean(str(first["loc"][-1]), known) or f" Known: {', '.join(known)}."
        return InvalidInput(f"There is no field {path!r}.{hint}", field=path)
    return InvalidInput(f"{path}: {first['msg']}.", field=path)


def only_from_here(request: Request) -> None:
    """Raises `NotAllowed` for callers from beyond loopback."""
    host = request.client.host if request.client else ""
    if not _is_loopback(host):
        raise NotAllowed("The control plane answers to this machine only.")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _guarded(answer: Any) -> Any:
    async def guarded(request: Request) -> Response:
        only_from_here(request)
        answered: Response = await answer(request)
        return answered

    return guarded


async def unknown(request: Request) -> Response:
    wanted, known = request.url.path, [f"/__sim{route.path}" for route in routes[:-1]]
    if wanted in known:
        raise NotFound(f"{wanted} does not answer to {request.method}.")
    hint = did_you_mean(wanted, known)
    raise NotFound(f"There is nothing at {wanted}.{hint}")


routes = [
    Route("/state", _guarded(read_state)),
    Route("/clock", _guarded(read_clock)),
    Route("/clock", _guarded(change_clock), methods=["POST"]),
    Route("/session", _guarded(change_session), methods=["POST"]),
    Route("/faults", _guarded(read_faults)),
    Route("/faults", _guarded(change_faults), methods=["POST"]),
    Route("/requests", _guarded(read_requests)),
    Route("/books", _guarded(books.read_books)),
    Route("/trade", _guarded(trade), methods=["POST"]),
    Route("/commissions", _guarded(change_commissions), methods=["POST"]),
    Route("/restart", _guarded(restart), methods=["POST"]),
    Route("/reset", _guarded(reset), methods=["POST"]),
    Route("/{rest:path}", _guarded(unknown), methods=["GET", "POST", "PUT", "DELETE"]),
]
