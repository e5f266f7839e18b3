"""The Celery process that runs executions."""

import threading

from celery.signals import setup_logging, worker_ready

from backend.charts import Renderer
from backend.core import logging
from backend.decisions import tasks as decisions
from backend.executions import partitions
from backend.executions.tasks import app, keep_session
from backend.executions.tools import live_tools

__all__ = ["app", "decisions"]


@setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logging(**_: object) -> None:
    logging.configure("worker")


@worker_ready.connect  # type: ignore[untyped-decorator]
def _warm_up(**_: object) -> None:
    """The browser's first start takes seconds; nobody should wait for it but the worker."""
    tools = live_tools()
    partitions.ensure(tools.clock)
    # Beat asks for it a minute after its start; pages should know the account before that.
    threading.Thread(target=keep_session, daemon=True).start()
    if isinstance(tools.renderer, Renderer):
        threading.Thread(target=tools.renderer.warm_up, daemon=True).start()
