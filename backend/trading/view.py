"""The analysts' view as a signal needs it; whoever forms it turns it into this."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from backend.core.errors import InvalidInput
from backend.trading.numbers import exact


class Direction(StrEnum):
    LONG = "long"
    SHORT = "short"
    NEUTRAL = "neutral"

    @property
    def sign(self) -> int:
        return {"long": 1, "short": -1, "neutral": 0}[self.value]

    @property
    def opposite(self) -> "Direction":
        return {1: Direction.SHORT, -1: Direction.LONG, 0: Direction.NEUTRAL}[self.sign]


@dataclass(frozen=True, kw_only=True)
class View:
    """Prices in contract currency; confidence is a fraction. `entry` is kept, not traded at."""

    direction: Direction
    confidence: Decimal
    entry: Decimal | None = None
    stop: Decimal | None = None
    targets: tuple[Decimal, ...] = ()
    rationale: str = ""

    def __post_init__(self) -> None:
        if not (self.confidence.is_finite() and 0 <= self.confidence <= 1):
            raise InvalidInput(
                f"A view's confidence is a fraction from 0 to 1, not {self.confidence}.",
                field="confidence",
            )

    @classmethod
    def from_floats(
        cls,
        *,
        direction: str,
        confidence: float,
        entry: float | None = None,
        stop: float | None = None,
        targets: Sequence[float] = (),
        rationale: str = "",
    ) -> "View":
        """The same with the floats of a model's answer; NaN and infinite prices count as absent."""
        return cls(
            direction=Direction(direction),
            confidence=Decimal(repr(float(confidence))),
            entry=None if entry is None else exact(entry),
            stop=None if stop is None else exact(stop),
            targets=tuple(price for price in map(exact, targets) if price is not None),
            rationale=rationale,
        )
