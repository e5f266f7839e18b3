"""
Every error we raise on purpose, sorted by what happens next.

* AppError                  shown to the user as it is, with its own HTTP status
  - InvalidInput      422   the user can fix it
    . UnknownName     422   ... by choosing a name that exists
  - NotAllowed        403   the key or the person lacks the right
  - NotFound          404
  - Conflict          409
  - OutsideError      502   a broker, a model or the storage said no; asking again will not help
    . TemporaryError  503   ... and may say yes later (only adapters catch it, to try again)
    . SessionDown     503   the broker has no session: the execution is parked, not failed
"""

from collections.abc import Iterable
from difflib import get_close_matches


class AppError(Exception):
    """`message` is a sentence for the person who meets it; `code` is the reason kept in lineage."""

    status_code = 500
    code = "error"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        """The input at fault, as a dotted path such as `risk.max_quantity`, where there is one."""
        if code is not None:
            self.code = code


class InvalidInput(AppError):
    status_code = 422
    code = "invalid_input"


class UnknownName(InvalidInput):
    code = "unknown_name"


class NotAllowed(AppError):
    status_code = 403
    code = "not_allowed"


class NotFound(AppError):
    status_code = 404
    code = "not_found"


class Conflict(AppError):
    status_code = 409
    code = "conflict"


class OutsideError(AppError):
    status_code = 502
    code = "outside_error"


class TemporaryError(OutsideError):
    status_code = 503
    code = "temporary_error"


class SessionDown(OutsideError):
    status_code = 503
    code = "session_down"


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A hint with the nearest name, led by a blank, or nothing."""
    close = get_close_matches(name, list(names), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
