"""The Celery process: runs executions; with `beat`, calls the dispatcher each minute."""

import threading

from celery.schedules import crontab
from celery.signals import setup_logging, worker_ready

from backend.core import logging
from backend.executions import partitions
from backend.executions.tasks import app
from backend.executions.tools import live_tools

REAP_SECONDS = 10.0

app.conf.beat_schedule = {
    "dispatch due strategies": {
        "task": "executions.dispatch_due",
        "schedule": crontab(minute="*"),
        # A dispatch that waited longer is overtaken by the next one.
        "options": {"expires": 55},
    },
    "send again what nobody works on": {
        "task": "executions.reap",
        "schedule": REAP_SECONDS,
        "options": {"expires": REAP_SECONDS},
    },
}


@setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logging(**_: object) -> None:
    logging.configure("worker")


@worker_ready.connect  # type: ignore[untyped-decorator]
def _warm_up(**_: object) -> None:
    """The browser's first start takes seconds; nobody should wait for it but the worker."""
    tools = live_tools()
    partitions.ensure(tools.clock)
    if tools.renderer is not None:
        threading.Thread(target=tools.renderer.warm_up, daemon=True).start()
