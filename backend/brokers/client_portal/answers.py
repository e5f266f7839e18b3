"""
What an answer of the gateway means, and which of our errors it becomes.

The gateway has no single envelope for errors: refusals come with 200, "please try again" with 400
or 500, and a wrong account with 401. Source: Client Portal API field notes, "error zoo".
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx

from backend.brokers.client_portal.parsing import parse_json
from backend.core.errors import OutsideError, SessionDown, TemporaryError


class Outcome(StrEnum):
    OK = "ok"
    NEEDS_PRIMING = "needs_priming"  #: "query /accounts first"
    NO_BRIDGE = "no_bridge"  #: logged in, without a brokerage session
    NOT_LOGGED_IN = "not_logged_in"  #: only a person can help
    RATE_LIMITED = "rate_limited"  #: 429
    TRANSIENT = "transient"  #: 5xx, a dropped connection
    TIMEOUT = "timeout"
    BAD_ANSWER = "bad_answer"  #: 200 with nothing, or with a page instead of JSON
    UNREACHABLE = "unreachable"  #: nobody listens at the address
    REJECTED = "rejected"  #: 200 (or a plain 500) with an error inside: a definite no
    INVALID = "invalid"  #: 4xx: the request itself is at fault


@dataclass(frozen=True, kw_only=True)
class Answer:
    outcome: Outcome
    body: Any = None
    """Of a success, and of a refusal that came as one."""
    detail: str = ""
    """What the gateway said, cut short."""
    age: float | None = None
    """Seconds since another worker received it; None when it was asked for now."""
    headers: httpx.Headers | None = None


WORTH_ANOTHER_TRY = frozenset({Outcome.TRANSIENT, Outcome.TIMEOUT, Outcome.BAD_ANSWER})

NO_DATA = "No data."
"""History's way to say that a window is empty, under status 500."""


def classify(
    status: int, text: str, headers: httpx.Headers | None = None, *, is_plain: bool = False
) -> Answer:
    """Pure: from what came over the wire to what it means; `is_plain`: words are an answer."""
    body, is_json = _parse(text)
    if is_plain and not is_json and _is_sentence(text):
        body, is_json = text.strip(), True
    complaint = _complaint(body)
    outcome = _outcome(status, complaint, is_json)
    if outcome is Outcome.BAD_ANSWER and status == 200:
        complaint = "an empty answer" if not text.strip() else "a page instead of JSON"
    detail = complaint or f"status {status} {_cut(text)}".strip()
    return Answer(
        outcome=outcome,
        body=body if outcome in (Outcome.OK, Outcome.REJECTED) else None,
        detail="" if outcome is Outcome.OK else detail,
        headers=headers,
    )


def _outcome(status: int, complaint: str, is_json: bool) -> Outcome:
    if status == 429:
        return Outcome.RATE_LIMITED
    if known := _known_complaint(complaint):
        return known
    if status == 401:
        return Outcome.NOT_LOGGED_IN
    if status >= 500:
        return Outcome.TRANSIENT
    if status >= 300:
        return Outcome.INVALID
    if status == 204:
        return Outcome.OK
    if not is_json:
        return Outcome.BAD_ANSWER
    return Outcome.REJECTED if complaint else Outcome.OK


_KNOWN = (
    ("query /accounts first", Outcome.NEEDS_PRIMING),
    ("no bridge", Outcome.NO_BRIDGE),
    ("not logged in", Outcome.NOT_LOGGED_IN),
    ("no session", Outcome.NOT_LOGGED_IN),
    (NO_DATA.lower(), Outcome.REJECTED),
)


def _known_complaint(complaint: str) -> Outcome | None:
    """These texts mean the same whatever status they come with."""
    lowered = complaint.lower()
    return next((outcome for words, outcome in _KNOWN if words in lowered), None)


def _is_sentence(text: str) -> bool:
    return bool(text.strip()) and not text.lstrip().startswith("<")


def _parse(text: str) -> tuple[Any, bool]:
    try:
        return parse_json(text), True
    except ValueError:
        return None, False


def _complaint(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    if body.get("error"):
        return _cut(str(body["error"]))
    if body.get("success") is False:
        return _cut(str(body.get("text") or body.get("failure_list") or "success: false"))
    return ""


def _cut(text: str) -> str:
    return " ".join(text.split())[:200]


ErrorKind = type[OutsideError]
_ERRORS: dict[Outcome, tuple[ErrorKind, str, str]] = {
    Outcome.NEEDS_PRIMING: (
        TemporaryError,
        "gateway_unavailable",
        "The gateway keeps asking for its accounts to be read first, although they were",
    ),
    Outcome.NO_BRIDGE: (SessionDown, "no_bridge", "The gateway has no brokerage session"),
    Outcome.NOT_LOGGED_IN: (
        SessionDown,
        "logged_out",
        "Nobody is logged in to the gateway; log in through its page",
    ),
    Outcome.RATE_LIMITED: (
        TemporaryError,
        "rate_limited",
        "IBKR refused the call for coming too fast (429); all calls pause now",
    ),
    Outcome.TRANSIENT: (TemporaryError, "gateway_unavailable", "The gateway failed to answer"),
    Outcome.TIMEOUT: (TemporaryError, "timeout", "The gateway did not answer in time"),
    Outcome.BAD_ANSWER: (TemporaryError, "bad_answer", "The gateway's answer cannot be read"),
    Outcome.UNREACHABLE: (SessionDown, "unreachable", "No gateway answers"),
    Outcome.REJECTED: (OutsideError, "rejected", "IBKR refused"),
    Outcome.INVALID: (OutsideError, "invalid_request", "The gateway refused the request"),
}


def to_error(answer: Answer, label: str) -> OutsideError:
    """`label` names the call, such as "GET iserver/accounts"."""
    kind, code, fact = _ERRORS[answer.outcome]
    return kind(f"{fact} ({label}: {answer.detail}).", code=code)
