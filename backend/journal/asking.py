"""Which round trips are asked for, as it stands in an address."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import AwareDatetime, Field, ValidationError

from backend.trading.round_trip import Side
from backend.web.filters import FormQuery, start_of

Id = Annotated[int | None, Field(ge=1, le=2**63 - 1)]
Word = Annotated[str | None, Field(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]


class Kind(StrEnum):
    """Whose money it is. Figures of different kinds are never added up."""

    LIVE = "live"  #: an account that the gateway reports as real
    PAPER = "paper"  #: a paper account at the broker, at the market's own prices
    SIMULATED = "simulated"  #: prices and money were invented


class State(StrEnum):
    OPEN = "open"  #: planned or held
    CLOSED = "closed"  #: all that came has left again
    UNFILLED = "unfilled"  #: it is over and nothing was ever held


class ExitReason(StrEnum):
    """Why a round trip ended."""

    STOP = "stop"
    TARGET = "target"
    TIME = "time"
    TRAILING = "trailing"
    REVERSAL = "reversal"
    FLATTEN = "flatten"
    HAND = "hand"
    NOT_FILLED = "not_filled"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


EXIT_WORDS = {
    ExitReason.STOP: "Stop",
    ExitReason.TARGET: "Target",
    ExitReason.TIME: "Time stop",
    ExitReason.TRAILING: "Trailing stop",
    ExitReason.REVERSAL: "Opposite signal",
    ExitReason.FLATTEN: "Kill switch",
    ExitReason.HAND: "By hand",
    ExitReason.NOT_FILLED: "Not filled",
    ExitReason.REFUSED: "Refused",
    ExitReason.WITHDRAWN: "Withdrawn",
}


def exit_words(reason: str | None) -> str:
    """How a person reads it; as it stands where it is none of ours."""
    return EXIT_WORDS[ExitReason(reason)] if reason in list(ExitReason) else reason or ""


Grouping = Literal["strategy", "symbol", "side", "exit_reason", "month"]


class Asked(FormQuery):
    """Which round trips are asked for."""

    kind: Kind | None = None
    state: State | None = None
    account: Word = None
    strategy_id: int | None = Field(None, ge=1, le=2**31 - 1)
    symbol: Word = None
    side: Side | None = Field(None, description="BUY for long ones, SELL for short ones.")
    exit_reason: ExitReason | None = None
    currency: Annotated[str | None, Field(min_length=3, max_length=8, pattern="^[A-Z]+$")] = None
    tag: Annotated[str | None, Field(min_length=1, max_length=30, pattern=r"^[^\x00]*$")] = None
    since: AwareDatetime | date | None = Field(
        None,
        description="A day in UTC, or a moment with its zone, of the close; of the plan while it"
        " is not closed.",
    )
    until: AwareDatetime | date | None = Field(
        None, description="The whole day, or up to a moment."
    )

    @property
    def starts(self) -> datetime | None:
        return start_of(self.since)

    @property
    def ends(self) -> datetime | None:
        """No longer in."""
        return start_of(self.until, days_later=1)

    @property
    def given(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_none=True)


@dataclass
class Form:
    """The filters of a page: what was typed, what of it is understood, and what is not."""

    typed: dict[str, str]
    asked: Asked
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def narrows(self) -> bool:
        """Whether anything but the kind and the state, which have tabs, is asked for."""
        return bool(self.asked.given.keys() - {"kind", "state"} or self.errors)

    def href(self, path: str = "/journal", **changes: object) -> str:
        query = {name: value for name, value in {**self.typed, **changes}.items() if value}
        return f"{path}?{urlencode(query)}" if query else path


def read(query: Mapping[str, str]) -> Form:
    """What is not understood is left out of the filters and told beside its field."""
    typed = {
        name: value.strip()
        for name in Asked.model_fields
        if (value := query.get(name, "")) and value.strip()
    }
    if "symbol" in typed:
        typed["symbol"] = typed["symbol"].upper()
    try:
        return Form(typed, Asked.model_validate(typed))
    except ValidationError as error:
        errors = {str(each["loc"][0]): _sentence(each) for each in error.errors()}
        understood = {name: value for name, value in typed.items() if name not in errors}
        return Form(typed, Asked.model_validate(understood), errors)


def _sentence(error: Any) -> str:
    name, given = error["loc"][0], error["input"]
    if name in ("since", "until"):
        return f"{given!r} is no day. Write it as 2026-01-31."
    choices = (error.get("ctx") or {}).get("expected")
    if choices:
        return f"{given!r} is none of {choices}."
    return f"{given!r} does not fit: {error['msg'][0].lower()}{error['msg'][1:]}."
