"""One account, followed: news by the stream as it happens, readings as the net below it."""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from backend.brokers.base import Broker
from backend.brokers.orders import BrokerFill, OrderDelta, OrderNews, StreamLost, StreamOpened
from backend.core.clock import Clock, real_seconds
from backend.core.database import transaction
from backend.core.errors import AppError, OutsideError
from backend.core.logging import get_logger
from backend.portfolio.books import positions
from backend.portfolio.orders import following
from backend.portfolio.orders.matching import News
from backend.portfolio.tracking.reading import MOST_DAYS, USUAL_DAYS, Reader

logger = get_logger(__name__)

READ_SECONDS = 30.0
SOON_SECONDS = 10.0
"""While the stream is down, and where something looks odd."""
LEAST_SECONDS = 5.0
"""IBKR lists orders once in so many seconds, for everybody together."""
LONG_SECONDS = 8 * 3600.0
"""Whoever was away for longer reads as many days as the broker has."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
MOST_AT_ONCE = 500
MOST_WAITING = 100_000
"""More news than that is dropped: a reading tells it too."""


@dataclass(frozen=True)
class Pace:
    """How often is read, in seconds of the machine."""

    usual: float = READ_SECONDS
    soon: float = SOON_SECONDS

    @classmethod
    def of(cls, clock: Clock) -> "Pace":
        return cls(
            usual=max(LEAST_SECONDS, real_seconds(clock, READ_SECONDS)),
            soon=max(LEAST_SECONDS, real_seconds(clock, SOON_SECONDS)),
        )


class Follower:
    """
    Two threads, until it is stopped: one hears the stream, one keeps what was heard.

    It keeps nothing while it rests, when another one follows; its stream stays open for the day
    that it is called back.
    """

    def __init__(
        self,
        broker: Broker,
        clock: Clock,
        account: str,
        *,
        name: str,
        pace: Pace | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`name` is the tracker's, for people who ask who follows."""
        self._broker = broker
        self._clock = clock
        self._account = account
        self._name = name
        self._pace = pace or Pace.of(clock)
        self._monotonic = monotonic
        self._reader = Reader(broker, clock, account, monotonic=monotonic)
        self._heard: queue.Queue[OrderNews] = queue.Queue(MOST_WAITING)
        self._stop = threading.Event()
        self._leads = threading.Event()
        self._is_open = False
        self._is_noted = False
        """Whether the account's books say who follows it, and since when by stream."""
        self._read_at: float | None = None
        self._due_at = 0.0
        self._pauses = {"keeping": FIRST_PAUSE, "reading": FIRST_PAUSE}
        self.turned_at = monotonic()
        """When the keeping thread last came round, for whoever watches over it."""

    def start(self) -> None:
        self.lead()
        for work in (self._listen, self._keep):
            threading.Thread(target=work, name=f"follow {self._account}", daemon=True).start()

    def lead(self) -> None:
        """Go on, with a reading first: nobody knows what happened while another one followed."""
        if not self._leads.is_set():
            self._is_noted, self._due_at = False, 0.0
            self._leads.set()

    def rest(self) -> None:
        """Another one follows, or nobody may."""
        self._leads.clear()

    def stop(self) -> None:
        """Soon; what was heard and not kept yet is read again by whoever follows next."""
        self._stop.set()
        self._leads.set()

    @property
    def is_leading(self) -> bool:
        return self._leads.is_set() and not self._stop.is_set()

    @property
    def is_following(self) -> bool:
        """Whether the stream is open and everything was read since it started."""
        return self.is_leading and self._is_open and self._read_at is not None

    # --- hearing -------------------------------------------------------------------------------

    def _listen(self) -> None:
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            try:
                for news in self._broker.follow_orders(self._account):
                    if self._stop.is_set():
                        return
                    self._hear(news)
                    pause = FIRST_PAUSE
                why = "It ended."
            except Exception as error:  # whatever it is, readings go on and it is tried again
                why = _why(error)
                logger.warning("stream_failed", account=self._account, why=why)
            self._hear(StreamLost(why=why))
            self._stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _hear(self, news: OrderNews) -> None:
        if isinstance(news, StreamOpened | StreamLost):
            # Noted here, so that it is known whatever becomes of what was heard with it.
            is_open = isinstance(news, StreamOpened)
            if is_open or self._is_open:
                self._is_noted, self._due_at = False, 0.0
            self._is_open = is_open
        elif self._leads.is_set():
            try:
                self._heard.put_nowait(news)
            except queue.Full:
                self._due_at = 0.0

    # --- keeping -------------------------------------------------------------------------------

    def _keep(self) -> None:
        while not self._stop.is_set():
            if self._leads.wait(0.5) and not self._stop.is_set():
                try:
                    self.turn()
                    self._pauses["keeping"] = FIRST_PAUSE
                except (AppError, SQLAlchemyError, OSError) as error:
                    self._stop.wait(self._longer_pause("keeping", _why(error)))
                except Exception:  # a mistake of ours: said loudly, and no end of following
                    logger.exception("following_failed", account=self._account)
                    self._stop.wait(self._longer_pause("keeping", "A mistake of ours."))
            self.turned_at = self._monotonic()

    def _longer_pause(self, what: str, why: str) -> float:
        """Seconds, twice as many each time; what was lost meanwhile is read afterwards."""
        pause = self._pauses[what]
        self._pauses[what] = min(2 * pause, LONGEST_PAUSE)
        logger.warning(f"{what}_failed", account=self._account, why=why, pause_seconds=pause)
        self._due_at = self._monotonic() + pause
        return pause

    def turn(self) -> None:
        """Keep what was heard, and read where that is due. Raises what the database raises."""
        news = self._take()
        if news:
            with transaction() as session:
                following.apply(session, self._clock, self._account, news, seen_by="stream")
        if not self._is_noted:
            self._note()
        if self._monotonic() >= self._due_at:
            self._read()

    def _take(self) -> list[News]:
        """Waits a moment for the first one, and takes what has come with it."""
        rest = max(0.0, self._due_at - self._monotonic())
        heard: list[OrderNews] = []
        # An empty queue is no error: nothing more has come for now.
        with suppress(queue.Empty):
            heard.append(self._heard.get(timeout=min(rest, 0.5)))
            while len(heard) < MOST_AT_ONCE:
                heard.append(self._heard.get_nowait())
        return [each for each in heard if isinstance(each, OrderDelta | BrokerFill)]

    def _note(self) -> None:
        self._is_noted = True
        try:
            with transaction() as session:
                books = positions.books(session, self._account)
                books.followed_by = self._name
                books.stream_since = self._clock.now() if self._is_open else None
        except BaseException:
            self._is_noted = False
            raise

    def _read(self) -> None:
        """A broker that cannot be read keeps nobody from following its stream."""
        try:
            reading = self._reader.read(days=self._days())
        except (OutsideError, OSError) as error:
            self._longer_pause("reading", _why(error))
            return
        self._pauses["reading"] = FIRST_PAUSE
        now = self._monotonic()
        is_slow = self._is_open and not reading.is_doubtful
        self._read_at = now
        self._due_at = now + (self._pace.usual if is_slow else self._pace.soon)

    def _days(self) -> int:
        """Fills missed while away are caught up; after a start nobody knows how long that was."""
        if self._read_at is None or self._monotonic() - self._read_at > LONG_SECONDS:
            return MOST_DAYS
        return USUAL_DAYS


def _why(error: Exception) -> str:
    return error.message if isinstance(error, AppError) else repr(error)
