"""Who is asking: bearer API keys with scopes for everything under /api."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from backend.core.database import SessionDep
from backend.web import keys
from backend.web.keys import ApiKey, Scope, UnknownKey

_bearer = HTTPBearer(auto_error=False, description="`glassbox api-key create NAME` makes a key.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def needs(scope: Scope) -> Callable[..., ApiKey]:
    """A dependency that lets in only keys with this scope, and returns the key's row."""

    def check(request: Request, session: SessionDep, credentials: Credentials) -> ApiKey:
        if credentials is None:
            raise UnknownKey(
                "Send an API key: Authorization: Bearer gbx_…. Make one with"
                " `glassbox api-key create NAME`.",
                code="no_key",
            )
        key = keys.check(session, credentials.credentials, scope)
        request.state.actor = f"key:{key.name}"
        return key

    return check


Reader = Annotated[ApiKey, Depends(needs(Scope.READ))]
Operator = Annotated[ApiKey, Depends(needs(Scope.OPERATE))]
