"""Real processes that a test may kill: PostgreSQL, Redis, the paper gateway, workers, Beats."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from time import monotonic, sleep
from typing import Protocol

import psutil

from backend.core.database import DatabaseAway
from backend.embedded import child, health
from backend.embedded.postgres import PostgresServer
from backend.embedded.redis import RedisServer
from backend.papergateway.running import Control

ROOT = Path(__file__).parents[2]
GENEROUS_SECONDS = 120.0
"""How long a condition is waited for; a busy machine may be ten times slower than a free one."""


FORKS = multiprocessing.get_context("forkserver")


class Killable(Protocol):
    log: Path

    @property
    def lives(self) -> bool: ...
    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""

    def terminate(self) -> None:
        """SIGTERM; returns at once."""

    def wait(self) -> int:
        """The exit code; negative is the signal that ended it."""
        ...


class Worker:
    """A Celery worker, forked off; see `forked_worker`."""

    def __init__(
        self, module: str, arguments: list[str], settings: dict[str, str], log: Path
    ) -> None:
        # By name: this process must not import what it preloads.
        self._process: ForkServerProcess = FORKS.Process(
            target=_be_a_worker, args=(module, arguments, settings, log), daemon=True
        )
        self.log = log
        self._process.start()

    @property
    def lives(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> None:
        self._process.kill()
        self._process.join(GENEROUS_SECONDS)

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self) -> int:
        self._process.join(GENEROUS_SECONDS)
        assert self._process.exitcode is not None, f"{self.log.name} goes on"
        return self._process.exitcode


def _be_a_worker(module: str, arguments: list[str], settings: dict[str, str], log: Path) -> None:
    from tests.chaos import forked_worker

    forked_worker.run(module, arguments, settings, log)


class Process:
    """One child process; what it says is appended to its log."""

    def __init__(self, command: Callable[[], list[str]], log: Path, environment: dict[str, str]):
        self._command = command
        self._environment = environment
        self.log = log
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.log.parent,
                env=self._environment,
            )

    @property
    def lives(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def kill(self) -> None:
        """Takes its own children along, as when a machine dies."""
        if self._running is None or not self.lives:
            return
        process = psutil.Process(self._running.pid)
        family = [*process.children(recursive=True), process]
        for member in family:
            try:
                member.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, timeout=GENEROUS_SECONDS)
        self._running.wait(GENEROUS_SECONDS)

    def terminate(self) -> None:
        assert self._running is not None
        self._running.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        assert self._running is not None
        return self._running.wait(GENEROUS_SECONDS)


class Stage:
    """
    The servers of one test run, and the workers and Beats of one test.

    PostgreSQL is durable here, as in production: a kill may then lose nothing that was committed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Redis keeps nothing, so that every message is lost with it: the harder case.
        self._databases = PostgresServer(folder / "postgres")
        self._queues = RedisServer(folder / "redis", durable=False)
        self._gateway_port = child.free_port()
        self.gateway_url = f"https://127.0.0.1:{self._gateway_port}"
        self.settings = {
            "DATABASE_URL": self._databases.url,
            "REDIS_URL": self._queues.url,
            "IBKR_GATEWAY_URL": self.gateway_url,
            "GLASSBOX_HOME": str(folder),
            "CHARTS_PNG": "false",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "IBKR_REQUESTS_PER_SECOND": "10",
            "REQUEUE_SECONDS": "2",
        }
        self.postgres = self._server("postgres", self._start_postgres)
        self.redis = self._server("redis", self._start_redis)
        self.gateway = self._python(
            "gateway", "-m", "backend.cli", "gateway", "--port", str(self._gateway_port)
        )
        self._own: list[Killable] = []

    def start_servers(self) -> None:
        for server in (self.postgres, self.redis, self.gateway):
            server.start()
        self.wait_for_servers()

    def wait_for_servers(self) -> None:
        self._databases.wait_ready(GENEROUS_SECONDS)
        self._queues.wait_ready(GENEROUS_SECONDS)
        # The control plane: a call to the API would come on top of what workers may ask for.
        asked = f"{self.gateway_url}/__sim/clock"
        self.until(lambda: health.http_answers(asked), "the gateway answers")

    @contextmanager
    def control(self) -> Iterator[Control]:
        """The paper gateway's control plane."""
        control = Control(self.gateway_url, self.folder / "gateway" / "gateway-certificate.pem")
        try:
            yield control
        finally:
            control.close()

    def stop_servers(self) -> None:
        for server in (self.gateway, self.redis, self.postgres):
            server.kill()

    def worker(
        self, module: str = "backend.worker", *, threads: int = 8, **settings: str
    ) -> Worker:
        """A worker that has its imports behind it; it listens in a second or two."""
        name = f"worker-{len(self._own)}"
        log = self.folder / f"{name}.log"
        made = Worker(module, _worker_arguments(name, threads), settings, log)
        self._own.append(made)
        return made

    def plain_worker(self) -> Process:
        """A worker by the very command line of production; its imports take many seconds."""
        name = f"worker-{len(self._own)}"
        return self._celery(name, "-A", "backend.worker", *_worker_arguments(name, 8))

    def beat(self) -> Process:
        """Beat with a timetable that a test has time for."""
        name = f"beat-{len(self._own)}"
        schedule = str(self.folder / name)
        return self._celery(name, "-A", "tests.chaos.hurried_beat", "beat", "--schedule", schedule)

    def stop_processes(self) -> None:
        for process in self._own:
            process.kill()
        self._own.clear()

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Ask again and again, also while the database is away; fail with the logs' ends."""
        deadline = monotonic() + GENEROUS_SECONDS
        while not self._holds(condition):
            assert monotonic() < deadline, f"It never came that {what}.\n{self._logs()}"
            sleep(0.05)

    def _holds(self, condition: Callable[[], object]) -> bool:
        try:
            return bool(condition())
        except DatabaseAway:
            return False

    def _logs(self) -> str:
        logs = (process.log for process in (self.gateway, self.postgres, *self._own))
        return "\n".join(f"--- {log.name}\n{log.read_text()[-4_000:]}" for log in logs)

    def _start_postgres(self) -> list[str]:
        self._databases.prepare()
        return self._databases.command()

    def _start_redis(self) -> list[str]:
        self._queues.prepare()
        return self._queues.command()

    def _celery(self, name: str, *arguments: str) -> Process:
        process = self._python(name, "-m", "celery", *arguments, "--loglevel", "INFO")
        self._own.append(process)
        process.start()
        return process

    def _python(self, name: str, *arguments: str) -> Process:
        command = child.command([sys.executable, *arguments])
        return self._server(name, lambda: command)

    def _server(self, name: str, command: Callable[[], list[str]]) -> Process:
        environment = {**os.environ, **self.settings, "PYTHONPATH": str(ROOT)}
        return Process(command, self.folder / f"{name}.log", environment)


def _worker_arguments(name: str, threads: int) -> list[str]:
    pool = ["--pool", "threads", "--concurrency", str(threads)]
    return ["worker", *pool, "--hostname", f"{name}@%h", "--loglevel", "INFO"]
