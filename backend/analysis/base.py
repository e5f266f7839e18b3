"""What we ask of an analyst, human words in and a structured opinion out."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from backend.core.registry import Registry


class Direction(StrEnum):
    LONG = "long"
    SHORT = "short"
    NEUTRAL = "neutral"


class Claim(BaseModel):
    """A number that the analyst quotes, so that it can be held against the data."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="What is quoted: close, high, low, or an indicator's label.")
    value: float = Field(description="The number as quoted.")
    bars_ago: int = Field(0, description="0 is the last bar shown.")


class Opinion(BaseModel):
    """One structured opinion. Prices are in contract currency; confidence is a fraction."""

    model_config = ConfigDict(extra="forbid")

    direction: Direction
    confidence: float = Field(ge=0, le=1, description="0 is no idea, 1 is certain.")
    trend: Literal["up", "down", "sideways"]
    support: list[float] = Field(description="Support prices, nearest first.")
    resistance: list[float] = Field(description="Resistance prices, nearest first.")
    entry: float | None = Field(description="Price to enter at; null with a neutral direction.")
    stop: float | None = Field(description="Price that proves the idea wrong.")
    targets: list[float] = Field(description="Prices to take profit at, nearest first.")
    horizon_days: int = Field(ge=0, description="How many trading days the idea needs.")
    invalidation: str = Field(description="What would prove the idea wrong, in a sentence.")
    reasons: list[str]
    risks: list[str]
    claims: list[Claim] = Field(description="Every price or indicator value that the text quotes.")


@dataclass(frozen=True, kw_only=True)
class Request:
    """
    One question to an analyst.

    `images` are PNG bytes in the order in which the prompt speaks of them. `facts` are the numbers
    behind the prompt: what a rule-based analyst judges by and what claims are checked against.
    """

    kind: Literal["chart", "view"]
    system: str
    prompt: str
    images: tuple[bytes, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    model: str
    temperature: float | None = None
    max_output_tokens: int = 4_000
    use_cache: bool = False
    """Answer from the cache of earlier answers if this exact request is in it. Never set live."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """
    `opinion` is None where `refusal` says why there is none. `raw` holds every answer text as it
    came, one per attempt, so that a repair can be read. `seconds` is the time waited in all.
    """

    analyst: str
    is_rule_based: bool
    opinion: Opinion | None
    refusal: str | None
    reason_code: str | None
    """`refused`, `truncated`, `invalid_answer`, `budget`, `timeout`, `rate_limited`, `outside_error`."""
    raw: tuple[str, ...]
    model: str
    parameters: dict[str, Any]
    usage: Usage
    seconds: float
    finish_reason: str
    request_hash: str
    from_cache: bool = False


class Analyst(Protocol):
    name: str
    is_rule_based: bool

    def analyze(self, request: Request) -> Answer:
        """Never raises for what a model does or fails to do: that is in the answer."""
        ...


class Budget(Protocol):
    """The day's allowance, shared by all workers."""

    def reserve(self, *, tokens: int, usd: Decimal) -> str:
        """Set the worst case aside; returns a reservation id. Raises `OutsideError` code `budget`."""
        ...

    def settle(self, reservation: str, usage: Usage) -> None:
        """Replace the reservation by what was used."""
        ...


class AnswerCache(Protocol):
    def get(self, request_hash: str) -> Answer | None: ...

    def put(self, answer: Answer) -> None: ...


analysts: Registry[type[Analyst]] = Registry("analyst")
