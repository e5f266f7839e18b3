"""What time it is. Everything that needs to know is given a clock."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Protocol

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


@dataclass
class ScaledClock:
    """A clock that starts at `start` and runs `speed` times as fast as the machine's."""

    start: datetime
    speed: float = 1.0
    _begun: float = field(default_factory=monotonic)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=(monotonic() - self._begun) * self.speed)


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
