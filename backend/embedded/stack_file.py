"""What one running stack tells other commands: `stack.json`, true while the lock is held."""

import fcntl
import json
import os
from pathlib import Path
from time import sleep
from typing import Any


class StackFile:
    """
    The lock, the state and the logs under GLASSBOX_HOME.

    The lock is an flock, so it goes with its holder however that one ends. `stack.json` is
    removed by whoever takes the lock: while the lock is held, the file is its holder's.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.logs = home / "logs"
        self._path = home / "stack.json"
        self._lock_path = home / "lock"

    def log_of(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    def lock(self) -> int | None:
        """A descriptor that holds the lock until it is closed everywhere, or None when taken."""
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        for _ in range(10):  # whoever only asks (`is_locked`) holds it for an instant
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                sleep(0.02)
            else:
                self._path.unlink(missing_ok=True)
                return descriptor
        os.close(descriptor)
        return None

    def is_locked(self) -> bool:
        """Whether a stack runs here, or is just starting or stopping."""
        try:
            descriptor = os.open(self._lock_path, os.O_RDONLY)
        except OSError:
            return False
        try:
            # Shared, and at once let go: two that only ask must not see each other.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def write(self, document: dict[str, Any]) -> None:
        """Whole or not at all; readable by its owner alone, because URLs hold passwords."""
        draft = self._path.with_suffix(".new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(document, file, indent=1)
        draft.rename(self._path)

    def read(self) -> dict[str, Any] | None:
        """How the running stack stands; None when none runs, or it has not spoken yet."""
        if not self.is_locked():
            return None
        try:
            document: dict[str, Any] = json.loads(self._path.read_text())
        except FileNotFoundError:
            return None
        return document

    def was_stopped(self) -> bool:
        """Whether the last stack here ended in good order, rather than by being killed."""
        try:
            document = json.loads(self._path.read_text())
        except FileNotFoundError:
            return False
        return all(part["state"] == "stopped" for part in document["parts"])
