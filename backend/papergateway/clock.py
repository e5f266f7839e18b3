"""The gateway's own time: it can run faster than life, and it can be moved."""

from datetime import datetime

from backend.core.clock import Clock, SystemClock

FASTEST_LOGIN = 60.0
"""Above this speed a login would live for seconds: it then no longer ends by itself."""


class SettableClock:
    """
    Another clock's time, scaled by `speed` and moved by hand.

    With speed 1 and no start it tells exactly what `base` tells. `begun_at` is what `base` said
    when it was `start` here; now, if None.
    """

    def __init__(
        self,
        *,
        start: datetime | None = None,
        speed: float = 1.0,
        begun_at: datetime | None = None,
        base: Clock | None = None,
    ) -> None:
        self._base = base or SystemClock()
        self._base_anchor = begun_at or self._base.now()
        self._anchor = start or self._base_anchor
        self.speed = speed

    def now(self) -> datetime:
        return self._anchor + (self._base.now() - self._base_anchor) * self.speed

    def machine_now(self) -> datetime:
        """The time outside the simulation: for what concerns a connection, not the market."""
        return self._base.now()

    def set(self, moment: datetime) -> None:
        """Go on from `moment` (timezone-aware), at the same speed."""
        self._anchor, self._base_anchor = moment, self._base.now()

    def run_at(self, speed: float) -> None:
        """Change the speed without a jump."""
        self.set(self.now())
        self.speed = speed

    def real_seconds(self, seconds: float) -> float:
        """How long `seconds` of this clock last on the wall."""
        return seconds / self.speed
