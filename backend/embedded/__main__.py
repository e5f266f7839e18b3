"""
The supervisor's own process: `python -m backend.embedded <descriptor of the lock>`.

Started by `glassbox up`, which follows it; it holds the lock for as long as it lives.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

from backend.core.clock import SystemClock
from backend.core.errors import AppError
from backend.core.settings import settings
from backend.embedded import stack
from backend.embedded.stack_file import StackFile
from backend.embedded.supervisor import Supervisor

REPOSITORY = Path(__file__).parents[2]


def main(lock: int) -> None:
    os.set_inheritable(lock, False)
    os.umask(0o077)
    home = settings().home.absolute()
    clock = SystemClock()
    plan = stack.build(settings(), home)
    supervisor = Supervisor(
        plan.parts,
        file=StackFile(home),
        cwd=REPOSITORY,
        environment={**os.environ, **plan.environment},
        clock=clock,
        about={
            "version": 1,
            "pid": os.getpid(),
            "started_at": clock.now().isoformat(timespec="seconds"),
            "urls": plan.urls,
            "notes": list(plan.notes),
            "environment": plan.environment,
        },
    )

    def stop(_signal: int, _frame: FrameType | None) -> None:
        supervisor.stop_requests += 1

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    for note in plan.notes:
        supervisor.say(note)
    supervisor.run()


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except AppError as error:
        sys.exit(error.message)
