"""The sessions of the exchange as plain numbers."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from backend.core.values import IntArray
from backend.exchange import calendars

MINUTE_MS = 60_000
DAY_MS = 86_400_000
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
EARLIEST = date.fromisoformat(calendars.FIRST_DAY)
# NYSE-listed shares trade from 04:00, five and a half hours before the bell, and for four hours
# after the close, which is 17:00 on half days.
_PRE_MINUTES = 330
POST_MINUTES = 240
_FULL_MINUTES = 390


@dataclass(frozen=True, kw_only=True)
class Session:
    """One trading day; all moments are UTC milliseconds."""

    day: date
    open_ms: int
    close_ms: int
    pre_ms: int
    """Extended trading begins."""
    post_ms: int
    """Extended trading ends."""

    @property
    def minutes(self) -> int:
        """Length of the regular session: 390, or 210 on a half day."""
        return (self.close_ms - self.open_ms) // MINUTE_MS

    @property
    def is_half_day(self) -> bool:
        return self.minutes < _FULL_MINUTES


class Sessions:
    """
    All sessions of an exchange between two days, oldest first.

    `days` are proleptic ordinals (`date.toordinal`), `opens` and `closes` UTC milliseconds. None
    are known before `EARLIEST`.
    """

    def __init__(self, calendar: str, first: date, last: date) -> None:
        known = calendars.calendar(calendar)
        days = known.dates + EPOCH_ORDINAL
        wanted = (days >= first.toordinal()) & (days <= last.toordinal())
        self.timezone = known.timezone
        self.days: IntArray = days[wanted]
        self.opens: IntArray = known.opens[wanted]
        self.closes: IntArray = known.closes[wanted]
        self.weeks: IntArray = (self.days - 1) // 7
        """Ordinal 1 was a Monday, so weeks run from Monday to Sunday."""
        dates = known.dates[wanted].astype("datetime64[D]")
        self.months: IntArray = dates.astype("datetime64[M]").astype(np.int64)
        self.pres: IntArray = self.opens - _PRE_MINUTES * MINUTE_MS
        self.posts: IntArray = self.closes + POST_MINUTES * MINUTE_MS

    def __len__(self) -> int:
        return len(self.days)

    def __getitem__(self, index: int) -> Session:
        return Session(
            day=date.fromordinal(int(self.days[index])),
            open_ms=int(self.opens[index]),
            close_ms=int(self.closes[index]),
            pre_ms=int(self.pres[index]),
            post_ms=int(self.posts[index]),
        )

    @cached_property
    def wall_opens(self) -> IntArray:
        """The opens as the exchange's own wall clock shows them, in ms."""
        opens = pd.to_datetime(self.opens, unit="ms", utc=True)
        local = opens.tz_convert(self.timezone).tz_localize(None)
        return np.asarray(local.to_numpy().astype("datetime64[ms]").astype(np.int64))

    def minutes(self, index: int) -> int:
        return int(self.closes[index] - self.opens[index]) // MINUTE_MS

    def index_of(self, day: date) -> int | None:
        """Where `day` stands, or None when the exchange is closed on it."""
        index = int(np.searchsorted(self.days, day.toordinal()))
        return index if index < len(self) and self.days[index] == day.toordinal() else None

    def current(self, now_ms: int) -> int:
        """The session whose extended trading began last, -1 before the first one."""
        return int(np.searchsorted(self.pres, now_ms, side="right")) - 1
