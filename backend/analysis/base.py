"""What we ask of an analyst, human words in and a structured opinion out."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field

from backend.core.hashing import canonical_json, sha256_hex
from backend.core.registry import Registry
from backend.core.settings import Settings


class Direction(StrEnum):
    LONG = "long"
    SHORT = "short"
    NEUTRAL = "neutral"


class Claim(BaseModel):
    """A number that the analyst quotes, so that it can be held against the data."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str = Field(description="What is quoted: close, high, low, or an indicator's label.")
    value: float = Field(description="The number as quoted.")
    bars_ago: int = Field(0, description="0 is the last bar shown.")


class Opinion(BaseModel):
    """One structured opinion. Prices are in contract currency; confidence is a fraction."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

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
    is_estimated: bool = False
    """True where the model's server did not say, so that the worst case is counted."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=self.cost_usd + other.cost_usd,
            is_estimated=self.is_estimated or other.is_estimated,
        )


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One call to the model's server; `outcome` is `answered` or a reason code of `Answer`."""

    outcome: str
    detail: str
    """What was wrong, in a sentence; empty for an answer that was taken."""
    raw: str | None
    """The answer's text as it came; None where no answer came."""
    seconds: float
    usage: Usage


@dataclass(frozen=True, kw_only=True)
class Answer:
    """
    `opinion` is None where `refusal` says why there is none. `raw` holds every answer text as it
    came, so that a repair can be read; `attempts` every call, with those that brought no answer.
    `usage` and `seconds` are sums over all attempts, waiting between them included in `seconds`;
    both are zero for an answer from the cache, because it cost nothing now.
    """

    analyst: str
    is_rule_based: bool
    opinion: Opinion | None
    refusal: str | None
    reason_code: str | None
    """
    None with an opinion, else `refused`, `truncated`, `invalid_answer`, `invalid_facts`,
    `no_opinions`, `budget`, `no_price`, `not_configured`, `timeout`, `rate_limited` or
    `outside_error`.
    """
    raw: tuple[str, ...]
    model: str
    parameters: dict[str, Any]
    usage: Usage
    seconds: float
    finish_reason: str
    request_hash: str
    from_cache: bool = False
    attempts: tuple[Attempt, ...] = ()
    recorded_in: str = ""
    """Whose record this answer was taken from, such as "execution 12"; never stored with it."""

    def to_json(self) -> dict[str, Any]:
        """The shape of a stored answer; `from_json` reads it back. Money is a decimal string."""
        return {
            "version": 1,
            **{name: getattr(self, name) for name in _PLAIN},
            "opinion": self.opinion and self.opinion.model_dump(mode="json"),
            "raw": list(self.raw),
            "usage": _usage_to_json(self.usage),
            "attempts": [
                {**vars(attempt), "usage": _usage_to_json(attempt.usage)}
                for attempt in self.attempts
            ],
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        opinion = document["opinion"]
        return cls(
            **{name: document[name] for name in _PLAIN},
            opinion=None if opinion is None else Opinion.model_validate(opinion),
            raw=tuple(document["raw"]),
            usage=_usage_from_json(document["usage"]),
            attempts=tuple(
                Attempt(**{**attempt, "usage": _usage_from_json(attempt["usage"])})
                for attempt in document["attempts"]
            ),
        )


_PLAIN = (
    *("analyst", "is_rule_based", "refusal", "reason_code", "model", "parameters", "seconds"),
    *("finish_reason", "request_hash", "from_cache"),
)


def _usage_to_json(usage: Usage) -> dict[str, Any]:
    return {**vars(usage), "cost_usd": format(usage.cost_usd, "f")}


def _usage_from_json(document: dict[str, Any]) -> Usage:
    return Usage(**{**document, "cost_usd": Decimal(document["cost_usd"])})


def request_hash(
    request: Request, *, analyst: str, parameters: dict[str, Any], schema: dict[str, Any]
) -> str:
    """
    The name of this exact question: equal hashes mean that an earlier answer may stand for a new
    one. It covers analyst, model, parameters, system, prompt, images and the answer's schema.
    """
    return sha256_hex(
        canonical_json(
            {
                "version": 1,
                "analyst": analyst,
                "kind": request.kind,
                "model": request.model,
                "parameters": parameters,
                "system": request.system,
                "prompt": request.prompt,
                "images": [sha256_hex(image) for image in request.images],
                "schema": schema,
            }
        )
    )


class Budget(Protocol):
    """The day's allowance, shared by all workers."""

    def reserve(self, *, tokens: int, usd: Decimal) -> str:
        """Set the worst case aside; returns its id. Raises `OutsideError` with code `budget`."""
        ...

    def is_spent(self) -> bool:
        """True when nothing is left of the day's allowance."""
        ...

    def settle(self, reservation: str, usage: Usage) -> None:
        """Replace the reservation by what was used."""
        ...


class AnswerCache(Protocol):
    def get(self, request_hash: str) -> Answer | None: ...

    def put(self, answer: Answer) -> None: ...


class Analyst(Protocol):
    name: str
    is_rule_based: bool

    def request_hash(self, request: Request) -> str:
        """By what this analyst knows the exact question again; see the function `request_hash`."""
        ...

    def analyze(self, request: Request) -> Answer:
        """Never raises for what a model does or fails to do: that is in the answer."""
        ...


class NamedAnalyst(Analyst, Protocol):
    """One that settings can choose by its name."""

    @classmethod
    def create(cls, settings: Settings, *, budget: Budget, cache: AnswerCache | None) -> Self:
        """One that is ready to answer; a missing key shows in its answers, not here."""
        ...


analysts: Registry[type[NamedAnalyst]] = Registry("analyst")
