"""One account, followed: news by the stream as it happens, readings as the net below it."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from backend.brokers.base import Broker
from backend.brokers.orders import BrokerFill, OrderDelta, OrderNews, StreamLost, StreamOpened
from backend.core.clock import Clock, real_seconds
from backend.core.database import transaction
from backend.core.errors import AppError
from backend.core.logging import get_logger
from backend.portfolio.books import positions
from backend.portfolio.orders import following
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
    """Two threads, until it is stopped: one hears the stream, one keeps what was heard."""

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
        self._is_open = False
        self._read_at: float | None = None
        self._due_at = 0.0
        self._failures = 0
        self.turned_at = monotonic()
        """When the keeping thread last came round, for whoever watches over it."""

    def start(self) -> None:
        for work in (self._listen, self._keep):
            threading.Thread(target=work, name=f"follow {self._account}", daemon=True).start()

    def stop(self) -> None:
        """Soon; what was heard and not kept yet is read again by whoever follows next."""
        self._stop.set()

    @property
    def is_following(self) -> bool:
        """Whether the stream is open and everything was read since it started."""
        return self._is_open and self._read_at is not None

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
                why = error.message if isinstance(error, AppError) else repr(error)
                logger.warning("stream_failed", account=self._account, why=why)
            self._hear(StreamLost(why=why))
            self._stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _hear(self, news: OrderNews) -> None:
        try:
            self._heard.put_nowait(news)
        except queue.Full:
            self._due_at = 0.0

    # --- keeping -------------------------------------------------------------------------------

    def _keep(self) -> None:
        while not self._stop.is_set():
            try:
                self.turn()
                self._failures = 0
            except (AppError, SQLAlchemyError, OSError) as error:
                self._fail(error)
            except Exception:  # a mistake of ours: said loudly, and no end of following
                logger.exception("following_failed", account=self._account)
                self._fail(None)
            self.turned_at = self._monotonic()

    def _fail(self, error: Exception | None) -> None:
        """Pauses grow; what was lost on the way is read afterwards."""
        pause = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        self._failures += 1
        self._due_at = 0.0
        if error is not None:
            why = error.message if isinstance(error, AppError) else repr(error)
            logger.warning("not_followed", account=self._account, why=why, pause_seconds=pause)
        self._stop.wait(pause)

    def turn(self) -> None:
        """Keep what was heard, and read where that is due. Raises what broker and database do."""
        heard = self._take()
        news = [each for each in heard if isinstance(each, OrderDelta | BrokerFill)]
        if news:
            with transaction() as session:
                following.apply(session, self._clock, self._account, news, seen_by="stream")
        for each in heard:
            if isinstance(each, StreamOpened | StreamLost):
                self._note_stream(is_open=isinstance(each, StreamOpened))
        if self._monotonic() >= self._due_at:
            self._read()

    def _take(self) -> list[OrderNews]:
        """Waits a moment for the first one, and takes what has come with it."""
        rest = max(0.0, self._due_at - self._monotonic())
        heard: list[OrderNews] = []
        try:
            heard.append(self._heard.get(timeout=min(rest, 0.5)))
            while len(heard) < MOST_AT_ONCE:
                heard.append(self._heard.get_nowait())
        except queue.Empty:
            pass
        return heard

    def _note_stream(self, *, is_open: bool) -> None:
        if is_open or self._is_open:
            self._due_at = 0.0
        self._is_open = is_open
        with transaction() as session:
            books = positions.books(session, self._account)
            books.followed_by = self._name
            books.stream_since = self._clock.now() if is_open else None

    def _read(self) -> None:
        reading = self._reader.read(days=self._days())
        now = self._monotonic()
        is_slow = self._is_open and not reading.is_doubtful
        self._read_at = now
        self._due_at = now + (self._pace.usual if is_slow else self._pace.soon)

    def _days(self) -> int:
        """Fills missed while away are caught up; after a start nobody knows how long that was."""
        if self._read_at is None or self._monotonic() - self._read_at > LONG_SECONDS:
            return MOST_DAYS
        return USUAL_DAYS
