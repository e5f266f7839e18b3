"""Celery Beat: what is called when. It only sends, so it imports none of the work."""

import os
import socket

from celery.schedules import crontab
from celery.signals import after_task_publish, setup_logging

from backend.core import heartbeats, logging
from backend.core.clock import SimulatedClock, SystemClock, real_seconds
from backend.core.queue import queue
from backend.core.settings import settings

CLOCK = settings().clock
REAP_SECONDS = 10.0
GATHER_SECONDS = 10.0
DELIVER_SECONDS = 10.0


def _every(seconds: float) -> float:
    """Real seconds between two of them: in a simulated time they come as often by its clock."""
    return max(1.0, real_seconds(CLOCK, seconds))


app = queue()
app.conf.beat_schedule = {
    "dispatch due strategies": {
        "task": "executions.dispatch_due",
        # On the minute; a time that runs faster has many minutes in one.
        "schedule": _every(60) if isinstance(CLOCK, SimulatedClock) else crontab(minute="*"),
        # A dispatch that waited longer is overtaken by the next one.
        "options": {"expires": 55},
    },
    "keep the broker's session": {
        "task": "executions.keep_session",
        "schedule": _every(60),
        "options": {"expires": 55},
    },
    "look at what accounts are worth": {
        "task": "executions.watch_equity",
        "schedule": _every(300),
        "options": {"expires": 290},
    },
    "send again what nobody works on": {
        "task": "executions.reap",
        "schedule": REAP_SECONDS,
        "options": {"expires": REAP_SECONDS},
    },
    "keep new decisions": {
        "task": "decisions.gather",
        "schedule": GATHER_SECONDS,
        "options": {"expires": GATHER_SECONDS},
    },
    "send what was told": {
        "task": "notifications.deliver",
        "schedule": DELIVER_SECONDS,
        "options": {"expires": DELIVER_SECONDS},
    },
    "look at what followed decisions": {
        "task": "decisions.follow",
        "schedule": _every(60),
        "options": {"expires": 55},
    },
}


@setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logging(**_: object) -> None:
    logging.configure("beat")


@after_task_publish.connect  # type: ignore[untyped-decorator]
def _tick(**_: object) -> None:
    """A Beat that no longer sends is dead to us, whatever its process does."""
    heartbeats.beat("beat", f"{socket.gethostname()}:{os.getpid()}", SystemClock())
