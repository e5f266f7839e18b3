"""Market data lines: which fields of which contract this session has asked for."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from backend.core.clock import Clock

SLOW = timedelta(seconds=0.5)
SLOW_FIELDS = frozenset({"7051", "7280", "7281", "7282", "7293", "7294", "7762"})
"""Fields that come from another server than prices and arrive later."""


class Streams:
    """
    One active field set per contract, shared by snapshot and WebSocket, as IBKR keeps it.

    A field is cold when it is asked for the first time: it is missing then, and known later.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: dict[int, dict[str, datetime]] = {}

    def ask(self, conid: int, fields: Iterable[str], *, late: float = 0.0) -> set[str]:
        """The fields known already; the others start to arrive, `late` seconds later."""
        line = self._lines.setdefault(conid, {})
        now = self._clock.now()
        known = {name for name in fields if name in line and line[name] <= now}
        for name in fields:
            delay = SLOW if name in SLOW_FIELDS else timedelta(0)
            line.setdefault(name, now + delay + timedelta(seconds=late))
        return known

    def fields(self, conid: int) -> set[str]:
        """Everything that is streaming for this contract now, for whomever."""
        now = self._clock.now()
        return {name for name, at in self._lines.get(conid, {}).items() if at <= now}

    def stop(self, conid: int) -> bool:
        """Free the line; False where there was none."""
        return self._lines.pop(conid, None) is not None

    def clear(self) -> None:
        self._lines.clear()

    def __len__(self) -> int:
        return len(self._lines)
