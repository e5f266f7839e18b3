"""
A worker that is forked off a process which has imported everything already.

Ten workers that import pandas and the rest from scratch would keep two cores busy for a minute;
what runs in them is the same. multiprocessing's fork server preloads this module.
"""

import ctypes
import importlib
import os
import signal
from pathlib import Path

import backend.worker
from backend.core.settings import settings

__all__ = ["run"]

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def run(module: str, arguments: list[str], environment: dict[str, str], log: Path) -> None:
    """Be the worker of `module` until a signal ends it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(environment)
    settings.cache_clear()
    importlib.import_module(module)
    backend.worker.app.worker_main(arguments)
