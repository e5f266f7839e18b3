"""The Celery process that runs executions."""

import threading
from datetime import datetime
from typing import Any

from celery.signals import heartbeat_sent, setup_logging, worker_ready

from backend.charts import Renderer
from backend.core import heartbeats, logging
from backend.core.clock import SystemClock
from backend.decisions import tasks as decisions
from backend.executions import partitions
from backend.executions.tasks import app, keep_session, watch_equity
from backend.executions.tools import live_tools
from backend.notifications import tasks as notifications

__all__ = ["app", "decisions", "notifications"]


@setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logging(**_: object) -> None:
    logging.configure("worker")


@worker_ready.connect  # type: ignore[untyped-decorator]
def _warm_up(**_: object) -> None:
    """The browser's first start takes seconds; nobody should wait for it but the worker."""
    tools = live_tools()
    partitions.ensure(tools.clock)
    # Beat asks for it a minute after its start; pages should know the account before that.
    threading.Thread(target=_first_look, daemon=True).start()
    if isinstance(tools.renderer, Renderer):
        threading.Thread(target=tools.renderer.warm_up, daemon=True).start()


def _first_look() -> None:
    keep_session()
    watch_equity()


_told_at: list[datetime] = []


@heartbeat_sent.connect  # type: ignore[untyped-decorator]
def _tell(sender: Any, **_: object) -> None:
    """Celery beats every two seconds; that is more than anybody needs to know."""
    now = SystemClock().now()
    if not _told_at or now - _told_at[0] >= heartbeats.EVERY:
        _told_at[:] = [now]
        heartbeats.beat("worker", sender.eventer.hostname, SystemClock())
