"""
The process that follows orders at the broker, for good.

Any number may run: one leads per account, and one looks after the watches; when it dies, the
database frees its lead and another one goes on.
"""

import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from backend.brokers.base import Broker
from backend.brokers.client_portal import from_settings
from backend.core import heartbeats, logging
from backend.core.clock import Clock, SystemClock
from backend.core.errors import AppError
from backend.core.outbox import outbox
from backend.core.settings import settings
from backend.executions import loss_watch, reversals
from backend.portfolio import exits, halting
from backend.portfolio.orders import closing, watching
from backend.portfolio.tracking import watches
from backend.portfolio.tracking.follower import Follower
from backend.portfolio.tracking.leading import Lead
from backend.portfolio.tracking.watches import Watch, Watching

logger = logging.get_logger(__name__)

KIND = "tracker"
TURN_SECONDS = 2.0
ACCOUNTS_SECONDS = 60.0
"""How often the broker is asked which accounts there are."""
STUCK_SECONDS = 180.0
"""A follower that has not come round for so long is given up, with the lead of its account."""
LONGEST_PAUSE = 20.0
"""Shorter than its signs of life may be apart."""

WATCHES: tuple[Watch, ...] = (
    # name, every so many seconds of the clock, look(clock, broker)
    Watch("kill switch", 3, halting.watch),
    Watch("closings", 2, closing.watch),
    Watch("exits", 5, exits.watch),
    Watch("reversals", 5, reversals.watch),
    Watch("loss of the day", 30, loss_watch.watch),
    Watch("brackets", 10, watching.watch),
    Watch("orphans", 15, watches.cancel_orphans),
    Watch("missing stops", 15, watches.warn_of_missing_stops),
    Watch("lost orders", 600, watches.give_up_lost),
)


class Tracker:
    def __init__(
        self,
        broker: Broker,
        clock: Clock,
        *,
        watches: Sequence[Watch] = WATCHES,
        name: str = "",
        make_follower: Callable[..., Follower] = Follower,
    ) -> None:
        """`name` is what people are told who follows."""
        self.name = name or f"{socket.gethostname()}:{os.getpid()}"
        self._broker = broker
        self._clock = clock
        self._watches = tuple(watches)
        self._make = partial(make_follower, broker, clock, name=self.name)
        self._stop = threading.Event()
        self._leads: dict[str, Lead] = {}
        self._followers: dict[str, Follower] = {}
        self._watching: Watching | None = None
        self._watch_lead = Lead("tracker watches")
        self._asked_at = -ACCOUNTS_SECONDS
        self._beat_at = -math.inf

    def run(self) -> None:
        """Until `stop`."""
        failures = 0
        while not self._stop.is_set():
            self._beat()
            try:
                self.turn()
                failures = 0
            except AppError as error:
                failures += 1
                logger.warning("tracker_waits", why=error.message)
            except Exception:  # a mistake of ours must not end what protects positions
                failures += 1
                logger.exception("tracker_failed")
            self._stop.wait(min(TURN_SECONDS * 2**failures, LONGEST_PAUSE))
        self._give_back()

    def stop(self) -> None:
        self._stop.set()

    @property
    def follows(self) -> frozenset[str]:
        """The accounts whose lead this one holds now."""
        return frozenset(name for name, each in self._followers.items() if each.is_leading)

    def turn(self) -> None:
        """
        Lead where nobody else does, and let go of what was lost.

        Raises `DatabaseAway`, and what the broker raises when it is asked for its accounts.
        """
        for account, lead in self._leads.items():
            self._keep_lead(account, lead)
        if self._watch_lead.is_ours():
            self._watch()
        else:
            self._unwatch()
        self._find_accounts()

    def _keep_lead(self, account: str, lead: Lead) -> None:
        follower = self._followers.get(account)
        is_stuck = follower is not None and (time.monotonic() - follower.turned_at > STUCK_SECONDS)
        if is_stuck:
            logger.error("follower_stuck", account=account)
            self._followers.pop(account).stop()
            lead.release()
            return
        try:
            is_ours = lead.is_ours()
        except AppError:
            self._rest(account)
            raise
        if is_ours:
            self._follow(account)
        else:
            self._rest(account)

    def _find_accounts(self) -> None:
        if time.monotonic() - self._asked_at < ACCOUNTS_SECONDS:
            return
        for account in self._broker.accounts():
            self._leads.setdefault(account.id, Lead(f"tracking {account.id}"))
        self._asked_at = time.monotonic()

    def _follow(self, account: str) -> None:
        follower = self._followers.get(account)
        if follower is None:
            self._followers[account] = follower = self._make(account)
            follower.start()
        elif follower.is_leading:
            return
        follower.lead()
        logger.info("following", account=account)

    def _rest(self, account: str) -> None:
        follower = self._followers.get(account)
        if follower is not None and follower.is_leading:
            follower.rest()
            logger.info("no_longer_following", account=account)

    def _watch(self) -> None:
        if self._watching is None:
            self._watching = Watching(self._watches, self._clock, self._broker)
            self._watching.start()

    def _unwatch(self) -> None:
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.stop()

    def _beat(self) -> None:
        """By the machine's clock: no simulated time hurries a sign of life."""
        if time.monotonic() - self._beat_at >= heartbeats.EVERY.total_seconds():
            self._beat_at = time.monotonic()
            heartbeats.beat(KIND, self.name, SystemClock())

    def _give_back(self) -> None:
        for follower in self._followers.values():
            follower.stop()
        self._followers.clear()
        self._unwatch()
        for lead in (*self._leads.values(), self._watch_lead):
            lead.release()
        logger.info("tracker_stopped")


def main() -> None:
    logging.configure(KIND)
    clock = settings().clock
    broker = from_settings(clock)
    tracker = Tracker(broker, clock)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: tracker.stop())
    try:
        tracker.run()
    finally:
        broker.close()
        outbox.flush(1.0)


if __name__ == "__main__":
    main()
