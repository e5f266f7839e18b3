"""Session endpoints: tickle, auth/status, ssodh/init, reauthenticate, sso/validate, logout."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.papergateway.answers import empty, html, is_true, json_body, ok, world_of
from backend.papergateway.login import HARDWARE, LoginState
from backend.papergateway.world import USER, USER_ID

ANY = ["GET", "POST"]


async def tickle(request: Request) -> Response:
    session = world_of(request).session
    return ok(
        {
            "session": session.id,
            "ssoExpires": session.sso_milliseconds_left(),
            "collission": False,
            "userId": USER_ID,
            "hmds": {} if session.has_used_hmds else {"error": "no bridge"},
            "iserver": {"authStatus": session.auth_status()},
        }
    )


async def auth_status(request: Request) -> Response:
    return ok(world_of(request).session.auth_status())


async def initialise(request: Request) -> Response:
    """A lost competition is answered with 200 and `authenticated: false`, as the real one does."""
    session = world_of(request).session
    body = await json_body(request)
    session.initialise(compete=is_true(str(body.get("compete", False))))
    is_ready = session.state is LoginState.READY
    return ok(
        {
            "passed": is_ready,
            "authenticated": is_ready,
            "competing": session.state is LoginState.COMPETING,
            "connected": True,
            "established": session.is_established,
            "message": "",
            "hardware_info": HARDWARE,
        }
    )


async def reauthenticate(request: Request) -> Response:
    """Answered by the gateway itself, so that it works without a login, too."""
    session = world_of(request).session
    if not session.has_sso:
        return ok({"error": "not logged in"})
    session.initialise(compete=True)
    return ok({"message": "triggered"})


async def validate(request: Request) -> Response:
    world = world_of(request)
    return ok(
        {
            "USER_ID": USER_ID,
            "USER_NAME": USER,
            "RESULT": True,
            "AUTH_TIME": world.desk.state.opened_ms,
            "SF_ENABLED": False,
            "IS_FREE_TRIAL": False,
            "CREDENTIAL": USER,
            "IP": "127.0.0.1",
            "EXPIRES": world.session.sso_milliseconds_left(),
            "QUALIFIED_FOR_MOBILE_AUTH": None,
            "LANDING_APP": "UNIVERSAL",
            "IS_MASTER": False,
            "lastAccessed": world.now_ms(),
            "LOGIN_TYPE": 2,
            "PAPER_USER_NAME": USER,
            "features": _FEATURES,
            "region": "NJ",
        }
    )


_FEATURES: dict[str, Any] = {
    "env": "PROD",
    "wlms": True,
    "realtime": True,
    "bond": True,
    "optionChains": True,
    "calendar": True,
    "newMf": True,
}


async def logout(request: Request) -> Response:
    session = world_of(request).session
    if not session.has_sso:
        return empty(401)
    session.log_out()
    return ok({"status": True})


async def login_page(request: Request) -> Response:
    """A browser's way back in; no password, since nothing here is anybody's."""
    if request.method == "POST":
        world_of(request).session.log_in()
        return html(200, "Client login succeeds")
    form = '<form method="post"><button>Log in to the simulated gateway</button></form>'
    return Response(form, media_type="text/html; charset=utf-8")


routes = [
    Route("/tickle", tickle, methods=ANY),
    Route("/iserver/auth/status", auth_status, methods=ANY),
    Route("/iserver/auth/ssodh/init", initialise, methods=ANY),
    Route("/iserver/reauthenticate", reauthenticate, methods=ANY),
    Route("/sso/validate", validate, methods=ANY),
    Route("/logout", logout, methods=ANY),
]
