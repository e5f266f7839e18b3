"""What the supervisor needs to know of one part."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Part:
    """A process to keep running, a job to run once, or something outside that is only asked."""

    name: str
    command: Callable[[], list[str]] | None
    """
    Prepares the start and returns the command line; None for what runs outside.

    May raise `AppError`, which is shown and tried again.
    """
    is_healthy: Callable[[], bool] | None = None
    """Whether it answers; None means that a process which lives is healthy."""
    needs: tuple[str, ...] = ()
    """Parts that must be healthy, or done, before this one starts."""
    runs_once: bool = False
    """A job: it is done when it ends well, and tried again when it does not."""
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    """How long it may take to stop before it is killed."""
