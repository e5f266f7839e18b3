"""Everything that goes wrong with the real gateway, at the push of a button."""

import random
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class FaultKind(StrEnum):
    """Each kind with what it does, which the control plane tells, too."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> "FaultKind":
        member = str.__new__(cls, value)
        member._value_, member.meaning = value, meaning
        return member

    STALL = "stall", "nothing for ten seconds, then 503: IBKR's own time-out"
    DELAY = "delay", "the right answer, but late"
    ERROR = "error", "500 or 503 with a message"
    DROP = "drop", "the TCP connection is cut before the request is looked at"
    DROP_AFTER = "drop_after", "... after the request was carried out: its outcome is unknown"
    EMPTY = "empty", "200 without a body"
    HTML = "html", "a web server's page instead of JSON, 404 unless told otherwise"
    ERROR_200 = "error_200", "200 with an error inside"
    FAKE_401 = "fake_401", "401 without a body although the session is fine"
    RATE_LIMIT = "rate_limit", "one 429, without the penalty box"
    PENALTY_BOX = "penalty_box", "429, and ten minutes of it"
    SLOW_FIELDS = "slow_fields", "snapshot fields come late"
    ERROR_AFTER = "error_after", "the request is carried out, but answered with 503"
    DELAY_AFTER = "delay_after", "the request is carried out at once, the answer comes late"

    # Those below are matched against the path of what they change: orders, an order or a reply.
    UNKNOWN_QUESTION = "unknown_question", "one more question, of an id that nobody knows"
    PROMPT = "prompt", "after its questions an order waits for iserver/notification"
    STALE_REPLY_LIVE = "stale_reply_live", "a reply is stale: 503, and the order goes live"
    STALE_REPLY_LOST = "stale_reply_lost", "a reply is stale: 503, and the order is gone"
    ORDER_REFUSED = "order_refused", "200 with an error: no funds, no permission"
    ORDER_REFUSED_LATER = "order_refused_later", "accepted, then cancelled by the system"
    SLOW_ACKNOWLEDGEMENT = "slow_acknowledgement", "PendingSubmit for `seconds`, then as usual"
    PARTIAL_FILL = "partial_fill", "`shares` at most at first, the rest after `seconds`"
    LATE_COMMISSION = (
        "late_commission",
        "a fill's commission is told `seconds` later than usual",
    )
    CHILD_REFUSED = "child_refused", "a bracket's parent goes live, its children are refused"
    CHILD_CANCELLED = "child_cancelled", "a bracket's children are cancelled by the system"

    SESSION_ID = "session_id", "the session's id changes under the client"
    COMPETING = "competing", "somebody else takes the brokerage session"
    LOGOUT = "logout", "somebody logs this gateway out"
    NIGHTLY_RESET = "nightly_reset", "the brokerage session restarts, priming is lost"
    SSO_EXPIRED = "sso_expired", "the login is over, a person has to come"

    FRAME_TWICE = "frame_twice", "a WebSocket frame is sent twice"
    FRAME_LATE = "frame_late", "a WebSocket frame arrives after the next one"
    FRAME_BYTES = "frame_bytes", "a WebSocket text frame that is not UTF-8"
    FRAME_LOST = "frame_lost", "a WebSocket frame never arrives"
    FRAME_CUT = "frame_cut", "the WebSocket is cut instead of sending a frame"
    NO_HEARTBEAT = "no_heartbeat", "the WebSocket's heartbeats are missing"


SESSION_EVENTS = frozenset(
    {
        FaultKind.SESSION_ID,
        FaultKind.COMPETING,
        FaultKind.LOGOUT,
        FaultKind.NIGHTLY_RESET,
        FaultKind.SSO_EXPIRED,
    }
)
FRAME_FAULTS = frozenset(
    {
        FaultKind.FRAME_TWICE,
        FaultKind.FRAME_LATE,
        FaultKind.FRAME_BYTES,
        FaultKind.FRAME_LOST,
        FaultKind.FRAME_CUT,
        FaultKind.NO_HEARTBEAT,
    }
)
PLACING_FAULTS = frozenset(
    {
        FaultKind.ORDER_REFUSED,
        FaultKind.ORDER_REFUSED_LATER,
        FaultKind.SLOW_ACKNOWLEDGEMENT,
        FaultKind.PARTIAL_FILL,
        FaultKind.LATE_COMMISSION,
        FaultKind.CHILD_REFUSED,
        FaultKind.CHILD_CANCELLED,
    }
)
ASKING_FAULTS = frozenset({FaultKind.UNKNOWN_QUESTION})
PROMPTING_FAULTS = frozenset({FaultKind.PROMPT})
REPLY_FAULTS = frozenset({FaultKind.STALE_REPLY_LIVE, FaultKind.STALE_REPLY_LOST})
REQUEST_FAULTS = (
    frozenset(FaultKind)
    - FRAME_FAULTS
    - PLACING_FAULTS
    - ASKING_FAULTS
    - PROMPTING_FAULTS
    - REPLY_FAULTS
    - {FaultKind.SLOW_FIELDS}
)


class Fault(BaseModel):
    """
    What goes wrong, where, and how often.

    `path` is a pattern with `*` over the path below /v1/api ("iserver/marketdata/*"); for
    WebSocket faults over the frame's topic ("smd+*"). Of the matching requests the first `after`
    pass unharmed, then each is hit with `probability`, at most `times` times.
    """

    model_config = ConfigDict(extra="forbid")

    kind: FaultKind
    path: str = Field("*", min_length=1, max_length=200)
    method: str | None = Field(None, pattern="^[A-Z]{3,7}$")
    probability: float = Field(1.0, gt=0, le=1)
    after: int = Field(0, ge=0)
    times: int | None = Field(None, ge=1)
    status: int | None = Field(None, ge=200, le=599)
    seconds: float | None = Field(None, ge=0, le=86_400)
    text: str | None = Field(None, max_length=2_000)
    shares: int | None = Field(None, ge=0)
    message_id: str | None = Field(None, max_length=20)


@dataclass
class ActiveFault:
    fault: Fault
    seen: int = 0
    fired: int = 0

    def matches(self, method: str, path: str) -> bool:
        is_method = self.fault.method in (None, method)
        return is_method and fnmatchcase(path, self.fault.path)

    def is_due(self, chance: float) -> bool:
        is_used_up = self.fault.times is not None and self.fired >= self.fault.times
        return self.seen > self.fault.after and not is_used_up and chance < self.fault.probability

    def to_json(self) -> dict[str, Any]:
        written = self.fault.model_dump(mode="json", exclude_none=True)
        return {**written, "seen": self.seen, "fired": self.fired}


class Faults:
    """The active faults, in the order in which they were added; the first that is due strikes."""

    def __init__(self, *, seed: int) -> None:
        self._random = random.Random(seed)
        self.active: list[ActiveFault] = []

    def add(self, fault: Fault) -> None:
        self.active.append(ActiveFault(fault))

    def clear(self) -> None:
        self.active.clear()

    def strike(self, kinds: frozenset[FaultKind], method: str, path: str) -> Fault | None:
        """The fault that hits this request or frame; counts it for every fault that it matches."""
        struck: ActiveFault | None = None
        for active in self.active:
            if active.fault.kind not in kinds or not active.matches(method, path):
                continue
            active.seen += 1
            if struck is None and active.is_due(self._random.random()):
                struck = active
        if struck is None:
            return None
        struck.fired += 1
        return struck.fault
