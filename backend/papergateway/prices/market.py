"""The simulated market: real days on today's calendar, the user's own files beside them."""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path

from backend.core.errors import NotFound, UnknownName, did_you_mean
from backend.core.values import Timeframe
from backend.papergateway.prices import bars as bar_rules
from backend.papergateway.prices import file_days
from backend.papergateway.prices import files as user_files
from backend.papergateway.prices.bars import PaperBar
from backend.papergateway.prices.calendar import (
    MINUTE_MS,
    POST_MINUTES,
    Session,
    Sessions,
)
from backend.papergateway.prices.history import History, built_in
from backend.papergateway.prices.instruments import (
    BUILT_IN,
    Instrument,
    Listing,
    own_listing,
)
from backend.papergateway.prices.laying import lay
from backend.papergateway.prices.path import Minutes
from backend.papergateway.prices.quotes import PaperQuote, quote
from backend.papergateway.prices.seconds import Part, Seconds, seconds
from backend.papergateway.prices.tape import Tape

# 731 weeks are fourteen years and half a week: seasons and most holidays fall on themselves, the
# real days from March 2000 to March 2013 lie on March 2014 to March 2027.
SHIFT_WEEKS = 731
_CALENDAR = "XNYS"
_FIRST_DAY = date(2014, 1, 1)
_YEARS_AHEAD = 3
# A regular session by the second holds half a megabyte.
_PARTS_KEPT = 16


class Market:
    """
    Prices of every instrument at every moment, the same in every process.

    `today` only says how far ahead the world is made: to the end of the third year after it.
    A price depends on the seed, the symbol and the moment, so worlds that were started on
    different days agree wherever both exist. Files keep their own dates. `notes` are sentences
    about what was accepted with a remark.

    Raises `InvalidInput` for a file that cannot be used, naming file, row and column.
    """

    def __init__(self, *, today: date, seed: int = 1, files: Sequence[Path] = ()) -> None:
        self.notes: list[str] = []
        self.instruments: dict[int, Instrument] = {}
        self._tapes: dict[int, Tape] = {}
        tables = user_files.read_all(files, {listing.symbol for listing in BUILT_IN})
        self.seconds = lru_cache(maxsize=_PARTS_KEPT)(self._seconds)
        first = min([_FIRST_DAY, *(table.first_day for table in tables)])
        self._sessions = Sessions(_CALENDAR, first, date(today.year + _YEARS_AHEAD, 12, 31))
        for listing in BUILT_IN:
            self._add(listing, built_in(listing.symbol), SHIFT_WEEKS, seed)
        for table in tables:
            listing = own_listing(table.symbol, set(self.instruments))
            self._add(listing, file_days.history(table, self._sessions), 0, seed)
            self.notes += [*table.notes, *_notes_on_dates(table, today)]

    def _add(self, listing: Listing, history: History, shift_weeks: int, seed: int) -> None:
        laid = lay(history, self._sessions, shift_weeks)
        priced = laid.has.nonzero()[0]
        self._tapes[listing.conid] = Tape(listing.symbol, history, laid, self._sessions, seed)
        self.instruments[listing.conid] = Instrument(
            **vars(listing),
            first_ms=self._sessions[int(priced[0])].open_ms,
            last_ms=self._sessions[int(priced[-1])].close_ms,
        )

    def by_symbol(self, symbol: str) -> Instrument | None:
        """The instrument of that symbol, in whatever case it is written."""
        wanted = symbol.strip().upper()
        return next((each for each in self.instruments.values() if each.symbol == wanted), None)

    def bars(
        self,
        conid: int,
        bar: str,
        *,
        start_ms: int,
        end_ms: int,
        now_ms: int,
        outside_rth: bool = False,
        keep: slice = slice(None),
    ) -> list[PaperBar]:
        """
        Bars whose start lies in [start, end) and not after now, oldest first.

        `keep` picks among them before they are made, such as `slice(-1000, None)` for the newest.

        The bar that contains now holds only what was traded up to this second. Bars of a day and
        longer are made of regular sessions whatever `outside_rth` says. Raises `UnknownName` for
        a bar length and `NotFound` for a conid that do not exist.
        """
        tape, timeframe = self._tape(conid), _timeframe(bar)
        window = {"start_ms": start_ms, "end_ms": end_ms, "now_ms": now_ms}
        if timeframe.is_intraday:
            table = bar_rules.intraday(tape, timeframe, extended=outside_rth, **window)
        else:
            table = bar_rules.daily(tape, timeframe, **window)
        return bar_rules.to_paper(table[:, keep])

    def quote(self, conid: int, now_ms: int) -> PaperQuote | None:
        """None before the instrument's first session and after the end of the world made."""
        tape, last_ms = self._tape(conid), self.instruments[conid].last_ms
        # The evening after the last close is still a time with a price.
        end_ms = last_ms + POST_MINUTES * MINUTE_MS
        return quote(tape, now_ms) if now_ms < end_ms else None

    def minutes(self, conid: int, session: date) -> Minutes | None:
        """The regular session's minute bars; None on a day without prices."""
        tape, index = self._tape(conid), self._sessions.index_of(session)
        return None if index is None or not tape.laid.has[index] else tape.regular(index)

    def _seconds(self, conid: int, session: date, part: Part) -> Seconds | None:
        """One part of a session, second by second; None on a day without prices."""
        tape, index = self._tape(conid), self._sessions.index_of(session)
        return None if index is None or not tape.laid.has[index] else seconds(tape, index, part)

    def extremes(self, conid: int, session: date) -> tuple[int, int] | None:
        """Low and high of a regular session in ticks; None on a day without prices."""
        tape, index = self._tape(conid), self._sessions.index_of(session)
        if index is None or not tape.laid.has[index]:
            return None
        return int(tape.laid.low[index]), int(tape.laid.high[index])

    def session_for(self, now_ms: int) -> Session | None:
        """The session whose pre-market began last: on a weekend, Friday's; None before any."""
        index = self._sessions.current(now_ms)
        return self._sessions[index] if index >= 0 else None

    def next_session(self, now_ms: int) -> Session | None:
        """The first session that opens after now."""
        index = self._sessions.opens.searchsorted(now_ms, side="right")
        return self._sessions[int(index)] if index < len(self._sessions) else None

    def previous_session(self, now_ms: int) -> Session | None:
        """The last session that has closed by now."""
        index = self._sessions.closes.searchsorted(now_ms, side="right")
        return self._sessions[int(index) - 1] if index else None

    def sessions(self, first: date, last: date) -> list[Session]:
        """Sessions from `first` to `last`, both included."""
        days = self._sessions.days
        start = int(days.searchsorted(first.toordinal()))
        stop = int(days.searchsorted(last.toordinal(), side="right"))
        return [self._sessions[index] for index in range(start, stop)]

    def is_open(self, now_ms: int) -> bool:
        """Whether a regular session is on."""
        session = self.session_for(now_ms)
        return session is not None and session.open_ms <= now_ms < session.close_ms

    def _tape(self, conid: int) -> Tape:
        if conid not in self._tapes:
            raise NotFound(f"No instrument has the conid {conid}.")
        return self._tapes[conid]


def _notes_on_dates(table: user_files.Table, today: date) -> Iterator[str]:
    name = table.path.name
    if table.last_day < today:
        yield (
            f"{name}: the rows end on {table.last_day}; from then on they are played again,"
            " every other time upside down, so that prices join."
        )
    if table.first_day > today:
        yield f"{name}: the rows begin on {table.first_day}; there are no prices until then."


def _timeframe(bar: str) -> Timeframe:
    try:
        return Timeframe(bar)
    except ValueError:
        hint = did_you_mean(bar, [each.value for each in Timeframe])
        raise UnknownName(f"No bar is {bar!r} long.{hint}", field="bar") from None
