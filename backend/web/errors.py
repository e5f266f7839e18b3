"""One place that turns an error into an answer: JSON under /api, a page elsewhere."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel
from sqlalchemy.exc import DataError, IntegrityError
from starlette.exceptions import HTTPException

from backend.core.errors import AppError, Conflict, InvalidInput
from backend.core.logging import get_logger
from backend.web import headers
from backend.web.error_page import answer, reference, wants_page
from backend.web.rate_limits import TooMany
from backend.web.returning import sign_in_path
from backend.web.signed_in import SAFE_METHODS, SignInNeeded

logger = get_logger(__name__)

UNIQUE_VIOLATION = "23505"


class Problem(BaseModel):
    """What went wrong; `field` is the input at fault as a dotted path, where there is one."""

    code: str
    message: str
    field: str | None


class ErrorAnswer(BaseModel):
    error: Problem


_MEANINGS = {
    400: "The body cannot be read.",
    401: "No key, or one that is unknown or revoked.",
    403: "The key lacks the scope.",
    404: "There is no such thing.",
    409: "It collides with something that is there.",
    413: "The body is too large.",
    422: "Something in the request is wrong; the answer names field and mend.",
    429: "The key has made too many calls within a minute; the answer says when to go on.",
    502: "The broker, a model or the storage said no.",
    503: "The broker, a model, the storage or the database is away.",
}
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": meaning} for status, meaning in _MEANINGS.items()
}
"""For the OpenAPI of every route under /api."""


def install(app: FastAPI) -> None:
    app.add_exception_handler(SignInNeeded, _on_sign_in_needed)
    app.add_exception_handler(TooMany, _on_too_many)
    app.add_exception_handler(AppError, _on_app_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(DataError, _on_unstorable)
    app.add_exception_handler(IntegrityError, _on_collision)
    app.add_exception_handler(Exception, _on_bug)


def _on_app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)
    return answer(request, error.status_code, error.code, error.message, error.field)


def _on_sign_in_needed(request: Request, error: Exception) -> Response:
    """Lead a reader to the sign-in and back; a script, or a write, is only told."""
    if request.method in SAFE_METHODS and wants_page(request):
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(sign_in_path(request.url.path + query), 303)
    return _on_app_error(request, error)


def _on_too_many(request: Request, error: Exception) -> Response:
    assert isinstance(error, TooMany)
    response = _on_app_error(request, error)
    response.headers["Retry-After"] = str(error.retry_after)
    return response


def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    # loc begins with where it was found: body, query or path.
    field = ".".join(str(part) for part in first["loc"][1:]) or None
    message = f"{field}: {first['msg']}." if field else f"{first['msg']}."
    return answer(request, 422, "invalid_input", message, field)


def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentences = {
        404: "There is nothing at this address.",
        405: "This address does not answer to that method.",
    }
    message = sentences.get(error.status_code, str(error.detail))
    response = answer(request, error.status_code, "http_error", message)
    response.headers.update(error.headers or {})
    return response


def _on_unstorable(request: Request, error: Exception) -> Response:
    problem = InvalidInput("A value has a character or a size that cannot be stored.")
    return _on_app_error(request, problem)


def _on_collision(request: Request, error: Exception) -> Response:
    """Two people took the same name, or the next version, between a check and the save."""
    assert isinstance(error, IntegrityError)
    if getattr(error.orig, "pgcode", None) != UNIQUE_VIOLATION:
        return _on_bug(request, error)
    problem = Conflict("Somebody else saved the same at this very moment. Look again, then retry.")
    return _on_app_error(request, problem)


def _on_bug(request: Request, error: Exception) -> Response:
    logger.error("bug", path=request.url.path, exc_info=error)
    message = f"Something went wrong in our own code. The log has it under {reference()}."
    response = answer(request, 500, "bug", message)
    # This one answer is given outside of our middleware.
    headers.add(request.scope, response.headers, 500, reference())
    return response
