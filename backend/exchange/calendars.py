"""The sessions of the world's exchanges as plain arrays, built once per process."""

import warnings
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, cached_property
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from backend.core.clock import to_ms
from backend.core.errors import InvalidInput, UnknownName, did_you_mean
from backend.core.values import IntArray

# Bars reach back 15 years at most. The far end costs little to compute (0.4 s for XNYS with
# either) and spares a year-end deploy; holidays that governments have yet to announce are missing.
FIRST_DAY, LAST_DAY = "2000-01-01", "2049-12-31"

# Names that people and IBKR use, beside those that exchange-calendars knows itself.
_ALIASES = {
    **{"AMEX": "XNYS", "ARCA": "XNYS", "NYSEARCA": "XNYS", "ISLAND": "XNYS", "IEX": "XNYS"},
    **{"BEX": "XNYS", "BYX": "XNYS", "EDGEA": "XNYS", "DRCTEDGE": "XNYS", "PINK": "XNYS"},
    **{"AEB": "XAMS", "ENEXT.BE": "XBRU", "SBF": "XPAR", "BVME": "XMIL", "BM": "XMAD"},
    **{"BVL": "XLIS", "XETRA": "XETR", "IBIS": "XETR", "IBIS2": "XETR", "EBS": "XSWX"},
    **{"VSE": "XWBO", "WSE": "XWAR", "PRA": "XPRA", "BUX": "XBUD", "LSEETF": "XLON"},
    **{"SFB": "XSTO", "OMXNO": "XOSL", "CPH": "XCSE", "HEX": "XHEL", "TSE": "XTSE"},
    **{"VENTURE": "XTSE", "MEXI": "XMEX", "BOVESPA": "BVMF", "B3": "BVMF", "TSEJ": "XTKS"},
    **{"SEHK": "XHKG", "HKSE": "XHKG", "KSE": "XKRX", "KRX": "XKRX", "SGX": "XSES"},
    **{"NSE": "XBOM", "TWSE": "XTAI", "JSE": "XJSE", "GLOBEX": "CMES", "ALWAYS": "24/7"},
}


@dataclass(frozen=True, eq=False)
class Calendar:
    """
    Regular sessions in order; times are UTC milliseconds, `dates` days since 1970.

    A session may open on the evening before its date (CMES). Outside a lunch break
    `break_starts` and `break_ends` equal the session's close.
    """

    code: str
    timezone: str
    dates: IntArray
    opens: IntArray
    closes: IntArray
    break_starts: IntArray
    break_ends: IntArray
    is_half_day: NDArray[np.bool_]

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @cached_property
    def open_list(self) -> list[int]:
        """`opens` for bisecting: five times as fast as `np.searchsorted` for one value."""
        return [int(value) for value in self.opens]

    @cached_property
    def close_list(self) -> list[int]:
        return [int(value) for value in self.closes]

    @cached_property
    def row_of_date(self) -> dict[date, int]:
        return {
            day: row for row, day in enumerate(self.dates.astype("datetime64[D]").astype(object))
        }

    @cached_property
    def last_date(self) -> date:
        return max(self.row_of_date)

    def rows_between(self, start_ms: int, end_ms: int) -> slice:
        """The sessions that open in [start, end)."""
        return slice(bisect_left(self.open_list, start_ms), bisect_left(self.open_list, end_ms))

    def first_closing_after(self, moment_ms: int) -> int:
        """The row of the session now on, else of the next; may be one past the last."""
        return bisect_right(self.close_list, moment_ms)

    def require_known(self, moment: datetime) -> None:
        """Raises `InvalidInput` code `calendar_ended` for a moment behind the last session."""
        if to_ms(moment) >= self.close_list[-1]:
            raise InvalidInput(
                f"The calendar {self.code} is known up to {self.last_date} only; install a newer"
                " exchange-calendars to go on.",
                code="calendar_ended",
            )


def code_of(name: str) -> str:
    """
    The code behind a code or an alias, in any case: `nasdaq` gives `XNYS`.

    Raises `UnknownName`, with the nearest name.
    """
    known = _names()
    code = known.get(name.strip().upper())
    if code is None:
        hint = did_you_mean(name.strip().upper(), known)
        raise UnknownName(
            f"No exchange is named {name!r}.{hint or ' Use a name such as NYSE, LSE or XETRA.'}",
            code="unknown_exchange",
        )
    return code


def names() -> list[str]:
    """Every code and alias that `calendar` understands."""
    return sorted(_names())


def calendar(name: str) -> Calendar:
    """
    The calendar of an exchange by code or alias; the first call takes 0.1 to 0.5 s.

    Raises `UnknownName`, and `InvalidInput` code `calendar_unavailable` where the library fails.
    """
    code = code_of(name)
    # functools.cache alone would let ten threads build the same calendar at once.
    with _building:
        return _build(code)


_building = Lock()


@cache
def _names() -> dict[str, str]:
    # Imported late: with pandas it takes a second that `glassbox --help` should not wait for.
    import exchange_calendars

    theirs = {
        name.upper(): exchange_calendars.resolve_alias(name)
        for name in exchange_calendars.get_calendar_names(include_aliases=True)
    }
    return theirs | _ALIASES


@cache
def _build(code: str) -> Calendar:
    import exchange_calendars

    with warnings.catch_warnings():
        # exchange-calendars 4.13 uses what pandas 4 will drop.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            theirs = exchange_calendars.get_calendar(code, **_reach(code))
        except (NotImplementedError, ValueError) as error:
            raise InvalidInput(
                f"The calendar {code} cannot be built by the installed exchange-calendars"
                f" ({type(error).__name__}); choose another exchange.",
                code="calendar_unavailable",
            ) from error
        return _from_library(code, theirs)


def _reach(code: str) -> dict[str, Any]:
    """From `FIRST_DAY` to `LAST_DAY`, or what the library knows of it (XSHG: this year's end)."""
    import exchange_calendars.calendar_utils as library
    import pandas as pd

    # No public name leads to the class before a calendar is built.
    kind = library._default_calendar_factories[code]
    start, end = pd.Timestamp(FIRST_DAY), pd.Timestamp(LAST_DAY)
    earliest, latest = kind.bound_min(), kind.bound_max()
    return {
        "start": max(start, earliest) if earliest is not None else start,
        "end": min(end, latest) if latest is not None else end,
    }


def _from_library(code: str, theirs: Any) -> Calendar:
    closes = _milliseconds(theirs.closes)
    return Calendar(
        code=code,
        timezone=str(theirs.tz),
        dates=theirs.sessions.to_numpy().astype("datetime64[D]").astype(np.int64),
        opens=_milliseconds(theirs.opens),
        closes=closes,
        break_starts=_milliseconds(theirs.schedule["break_start"], missing=closes),
        break_ends=_milliseconds(theirs.schedule["break_end"], missing=closes),
        is_half_day=theirs.sessions.isin(theirs.early_closes),
    )


def _milliseconds(moments: Any, missing: IntArray | None = None) -> IntArray:
    values = moments.dt.tz_convert(None).to_numpy().astype("datetime64[ms]")
    result: IntArray = values.astype(np.int64)
    return result if missing is None else np.where(np.isnat(values), missing, result)
