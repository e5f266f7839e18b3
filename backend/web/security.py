"""
Who is asking: bearer API keys with scopes for everything under /api.

The session of a browser opens nothing there. A browser sends its cookie with whatever another site
makes it ask, so a route that takes none needs no other guard; pages have routes of their own.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from backend.core.database import transaction
from backend.web import keys, rate_limits
from backend.web.keys import ApiKey, Scope, UnknownKey
from backend.web.rate_limits import TooMany
from backend.web.state import MachineClock

_bearer = HTTPBearer(auto_error=False, description="`glassbox api-key create NAME` makes a key.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def needs(scope: Scope) -> Callable[..., ApiKey]:
    """A dependency that lets in only keys with this scope, and returns the key's row."""

    def check(request: Request, clock: MachineClock, credentials: Credentials) -> ApiKey:
        if credentials is None:
            raise UnknownKey(
                "Send an API key: Authorization: Bearer gbx_…. Make one with"
                " `glassbox api-key create NAME`.",
                code="no_key",
            )
        # Not the route's own: the row's lock would last as long as that one.
        with transaction() as session:
            key = keys.check(session, clock, credentials.credentials, scope)
        request.state.actor = f"key:{key.name}"
        left = rate_limits.count(rate_limits.CALLS_OF_KEY, str(key.id))
        request.state.rate_limit = left
        if not left.is_allowed:
            raise TooMany(
                f"The key {key.name!r} has made {left.limit:,} calls within a minute."
                f" Go on in {left.reset_seconds} s.",
                left.reset_seconds,
            )
        return key

    return check


Reader = Annotated[ApiKey, Depends(needs(Scope.READ))]
Operator = Annotated[ApiKey, Depends(needs(Scope.OPERATE))]
Trader = Annotated[ApiKey, Depends(needs(Scope.TRADE))]
