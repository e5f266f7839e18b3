"""One part of the stack: its process, its health, and when to try again."""

import os
import signal
import subprocess
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from time import monotonic

from backend.core.clock import Clock
from backend.core.errors import AppError
from backend.embedded.part import Part

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""After this long in good health, the next crash counts as the first again."""
SILENT_SECONDS = 60.0
"""How long a part may not answer before it is killed and started again ..."""
FIRST_ANSWER_SECONDS = 240.0
"""... and how long it may take to answer first: imports are slow on a busy machine."""


class State(StrEnum):
    #: Waits for the parts it needs.
    WAITING = "waiting"
    #: Runs, and has not answered yet.
    STARTING = "starting"
    HEALTHY = "healthy"
    #: Runs and has answered before, but does not now.
    SILENT = "silent"
    #: A job that ended well.
    DONE = "done"
    #: Ended, and will be started again.
    FAILED = "failed"
    STOPPED = "stopped"


READY = frozenset({State.HEALTHY, State.DONE})


def delay(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling, up to half a minute."""
    return min(FIRST_DELAY_SECONDS * 2.0 ** (failures - 1), LONGEST_DELAY_SECONDS)


class Supervised:
    """A `Part` in motion; `advance` is called many times a second and does what is due."""

    def __init__(
        self, part: Part, *, log: Path, cwd: Path, clock: Clock, say: Callable[[str], None]
    ) -> None:
        self.part = part
        self.log = log
        self.state = State.WAITING
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self.detail = ""
        """Why it is not healthy, in a sentence."""
        self.started_at = ""
        self._cwd = cwd
        self._clock = clock
        self._say = say
        self._failures = 0
        self._due = 0.0
        self._answered = 0.0
        self._healthy_since = 0.0

    def advance(self, ready: Container[str], environment: Mapping[str, str]) -> None:
        now = monotonic()
        if self.process is not None and self.process.poll() is not None:
            self._ended(self.process.returncode, now)
        elif now < self._due:
            return
        elif self.state in (State.WAITING, State.FAILED):
            if self._has_needs(ready):
                self._start(environment, now)
        elif self.state in (State.STARTING, State.HEALTHY, State.SILENT):
            self._check(self._has_needs(ready), now)

    def _has_needs(self, ready: Container[str]) -> bool:
        return all(need in ready for need in self.part.needs)

    def _start(self, environment: Mapping[str, str], now: float) -> None:
        self._answered = now
        if self.part.command is not None:
            try:
                self.process = self._spawn(self.part.command(), environment)
            except (AppError, OSError) as error:
                self._failed(str(error), now)
                return
        self.started_at = self._clock.now().isoformat(timespec="seconds")
        self.state = State.STARTING

    def _spawn(self, command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._cwd,
                env={**environment, **self.part.environment},
                # Its own group, so that what it left behind (a browser) can be swept away.
                process_group=0,
            )

    def _ended(self, code: int, now: float) -> None:
        self._sweep()
        if self.part.runs_once and code == 0:
            self.process, self.state, self.detail = None, State.DONE, ""
            return
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        self._failed(f"It {how}.", now)

    def _failed(self, why: str, now: float) -> None:
        if self.state is State.HEALTHY and now - self._healthy_since > STEADY_SECONDS:
            self._failures = 0
        self._failures += 1
        self.restarts += 1
        self.process, self.state, self.detail = None, State.FAILED, why
        self._due = now + delay(self._failures)
        self._say(
            f"{self.part.name}: {why} Starting it again in {delay(self._failures):g} s"
            f" (failure {self._failures} in a row); its log is {self.log}."
        )

    def _check(self, needs_are_ready: bool, now: float) -> None:
        if self.part.runs_once:
            return
        if self.part.is_healthy is None or self.part.is_healthy():
            self._is_well(now)
        else:
            self._is_silent(needs_are_ready, now)

    def _is_well(self, now: float) -> None:
        if self.state is not State.HEALTHY:
            self._say(f"{self.part.name}: healthy.")
            self._healthy_since = now
        self.state, self.detail = State.HEALTHY, ""
        self._answered = now
        self._due = now + 5

    def _is_silent(self, needs_are_ready: bool, now: float) -> None:
        self._due = now + (0.1 if self.state is State.STARTING else 1.0)
        if self.state is State.HEALTHY:
            self.state, self.detail = State.SILENT, "It does not answer."
            self._say(f"{self.part.name}: does not answer.")
        # Silence may be the fault of a part that it needs: then killing it mends nothing.
        if not needs_are_ready:
            self._answered = now
        elif now - self._answered > self._patience() and self.process is not None:
            self._say(f"{self.part.name}: did not answer for {self._patience():g} s; killing it.")
            self._answered = now
            self.kill()

    def _patience(self) -> float:
        return FIRST_ANSWER_SECONDS if self.state is State.STARTING else SILENT_SECONDS

    def ask_to_stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(self.part.stop_signal)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self._sweep()

    def has_stopped(self) -> bool:
        """Whether its process is gone; what it left behind goes with it."""
        if self.process is not None:
            if self.process.poll() is None:
                return False
            self._sweep()
            self.process = None
        self.state = State.STOPPED
        return True

    def _sweep(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
