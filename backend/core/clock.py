"""What time it is. Everything that needs to know is given a clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Clock(Protocol):
    def now(self) -> datetime:
        """The present moment, timezone-aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SimulatedClock(BaseModel):
    """
    Time that stood at `start` when the machine's clock said `begun_at`, and runs `speed` times as
    fast. Processes that are told the same three agree on what time it is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: AwareDatetime
    speed: float = Field(gt=0, le=600)
    begun_at: AwareDatetime

    def now(self) -> datetime:
        passed = SystemClock().now() - self.begun_at
        return (self.start + passed * self.speed).astimezone(UTC)

    def at_speed(self, speed: float) -> "SimulatedClock":
        """Goes on from its present moment, without a jump."""
        return SimulatedClock(start=self.now(), speed=speed, begun_at=SystemClock().now())


def machine_clock(clock: Clock) -> Clock:
    """
    For what no simulation may hurry: sign-in, signs of life of processes. A clock that is moved by
    hand is its own machine.
    """
    return SystemClock() if isinstance(clock, SimulatedClock) else clock


def real_seconds(clock: Clock, seconds: float) -> float:
    """How long `seconds` of this clock last for the machine."""
    return seconds / clock.speed if isinstance(clock, SimulatedClock) else seconds


@dataclass
class ManualClock:
    """A clock that stands still until it is moved: for replay and tests."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment

    def advance(self, **by: float) -> None:
        """Move on by a `timedelta`'s arguments, such as `minutes=5`."""
        self.moment += timedelta(**by)


def to_ms(moment: datetime) -> int:
    """
    Whole UTC milliseconds since the epoch, the unit of every bar's time.

    Rounded down: half a millisecond before the close is still before it.
    """
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
