"""Keeps the parts of the stack running: one thread, a few looks a second."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from backend.core.clock import Clock
from backend.embedded.part import Part
from backend.embedded.stack_file import StackFile
from backend.embedded.supervised import READY, State, Supervised

LARGEST_LOG_BYTES = 10_000_000
OLD_LOGS = 2


class Supervisor:
    """
    Starts the parts as soon as what they need is healthy, and starts again what ends.

    It never gives up: it waits longer after each failure in a row, and says so each time.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        file: StackFile,
        cwd: Path,
        environment: Mapping[str, str],
        clock: Clock,
        about: Mapping[str, Any],
    ) -> None:
        self._file = file
        self._environment = environment
        self._clock = clock
        self._about = about
        file.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.parts = [
            Supervised(part, log=file.log_of(part.name), cwd=cwd, clock=clock, say=self.say)
            for part in parts
        ]
        self._written: dict[str, Any] = {}
        self._next_rotation = 0.0
        self.stop_requests = 0
        """Raised by signals: once to stop in good order, again to stop at once."""

    def run(self) -> None:
        """Supervise until asked to stop, then stop the parts that others need last."""
        while not self.stop_requests:
            self.advance()
            is_settled = all(part.state in READY for part in self.parts)
            sleep(0.1 if is_settled else 0.02)
        self.stop()

    def advance(self) -> None:
        """Do what is due for every part."""
        for part in self.parts:
            ready = {other.part.name for other in self.parts if other.state in READY}
            part.advance(ready, self._environment)
        self._rotate_logs()
        self.write()

    def stop(self) -> None:
        """Stop every part; what others still need goes after them."""
        self.say("Stopping.")
        while running := [part for part in self.parts if part.process is not None]:
            needed = {need for part in running for need in part.part.needs}
            # Nothing is free of dependents only if a part names itself; then stop them all.
            self._stop_together([p for p in running if p.part.name not in needed] or running)
        for part in self.parts:
            part.state = State.STOPPED
        self.write()
        self.say("Stopped.")

    def _stop_together(self, parts: Sequence[Supervised]) -> None:
        begun = monotonic()
        for part in parts:
            part.ask_to_stop()
        while not all([part.has_stopped() for part in parts]):
            for part in parts:
                is_late = monotonic() - begun > part.part.stop_seconds
                if part.process is not None and (is_late or self.stop_requests > 1):
                    self.say(f"{part.part.name}: did not stop in time; killing it.")
                    part.kill()
            sleep(0.02)

    def say(self, sentence: str) -> None:
        # Unbuffered: standard output is the supervisor's own log file.
        print(f"{self._clock.now():%H:%M:%S} {sentence}", flush=True)  # noqa: T201

    def write(self) -> None:
        """Tell the other commands how things stand, when that has changed."""
        document = {**self._about, "parts": [_describe(part) for part in self.parts]}
        if document != self._written:
            self._file.write(document)
            self._written = document

    def _rotate_logs(self) -> None:
        if monotonic() < self._next_rotation:
            return
        self._next_rotation = monotonic() + 5
        for log in self._file.logs.glob("*.log"):
            if log.stat().st_size > LARGEST_LOG_BYTES:
                rotate(log)


def rotate(log: Path) -> None:
    """
    Move a log's text to `<name>.1` and empty it, while its writer goes on writing.

    The writer's descriptor stays valid because it appends; a line written between copying and
    emptying is lost, the price of children that write to their logs without us in between.
    """
    for number in range(OLD_LOGS - 1, 0, -1):
        old = log.with_name(f"{log.name}.{number}")
        if old.exists():
            old.rename(log.with_name(f"{log.name}.{number + 1}"))
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    with log.open("r+b") as file:
        file.truncate()


def _describe(part: Supervised) -> dict[str, Any]:
    return {
        "name": part.part.name,
        "state": part.state.value,
        "detail": part.detail,
        "pid": part.process.pid if part.process is not None else None,
        "port": part.part.port,
        "started_at": part.started_at,
        "restarts": part.restarts,
        "is_outside": part.part.command is None,
    }
