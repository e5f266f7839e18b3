"""The data folder: made, and found fit, before anything is started in it."""

import os
import shutil
from pathlib import Path

from backend.core.errors import InvalidInput

LEAST_BYTES = 300_000_000
"""A new database takes 50 MB, its journal up to 256 MB."""


def ready(home: Path) -> Path:
    """
    The folder as an absolute path, made when missing.

    Raises `InvalidInput` when it cannot be written or its disk is full, and says what to do.
    """
    home = home.absolute()
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = home / f".probe.{os.getpid()}"
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as error:
        raise InvalidInput(
            f"GLASSBOX_HOME is {home}, but nothing can be written there: {error.strerror}."
            f"{_whose(home)} Set GLASSBOX_HOME to a folder that you can write.",
            field="glassbox_home",
        ) from error
    free = shutil.disk_usage(home).free
    if free < LEAST_BYTES:
        raise InvalidInput(
            f"GLASSBOX_HOME is {home}, whose disk has {free // 1_000_000} MB left, but"
            f" {LEAST_BYTES // 1_000_000} MB are needed. Make room, or set GLASSBOX_HOME to a"
            " folder on another disk.",
            field="glassbox_home",
        )
    return home


def _whose(home: Path) -> str:
    if home.is_dir() and home.stat().st_uid != os.geteuid():
        return f" It belongs to user {home.stat().st_uid}; perhaps it was made with sudo."
    return ""
