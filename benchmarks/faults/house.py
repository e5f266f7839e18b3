"""Everything that trades, as processes that may be killed, in a time of its own."""

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from backend.brokers.client_portal import ClientPortalBroker, from_settings
from backend.core import redis
from backend.core.clock import SimulatedClock, SystemClock
from backend.core.database import transaction
from backend.core.errors import AppError
from backend.embedded import child, health
from backend.embedded.postgres import PostgresServer
from backend.embedded.redis import RedisServer
from backend.executions import partitions, reaper, waiting
from backend.papergateway.running import Control
from benchmarks import stack
from benchmarks.faults.mishaps import death_key

PATIENCE_SECONDS = 120.0
_WORKERS, _TRACKERS, _THREADS = 2, 2, 6
_TURN_SECONDS = 0.25
_HURRY = text(
    "UPDATE executions SET sent_at = sent_at - make_interval(secs => :seconds)"
    " WHERE status = 'parked'"
)
_FORKS = multiprocessing.get_context("forkserver")


class House:
    """Two workers and two trackers are kept running, whoever of them dies."""

    def __init__(self, folder: Path, clock: SimulatedClock, environment: dict[str, str]) -> None:
        self.folder = folder
        self.clock = clock
        self.broker: ClientPortalBroker
        self.control: Control
        self.deaths = 0
        self._environment = environment
        self._port = int(environment["IBKR_GATEWAY_URL"].rsplit(":", 1)[1])
        self._gateway: subprocess.Popen[bytes] | None = None
        self._people: list[Any] = []
        self._made = 0
        self._is_over = threading.Event()
        self._beat = threading.Thread(target=self._keep_alive, name="keeps the house alive")

    def open(self) -> None:
        self.start_gateway()
        self.broker = from_settings(self.clock)
        self.broker.ensure_session()
        partitions.ensure(self.clock)
        self._beat.start()

    def close(self) -> None:
        self._is_over.set()
        if self._beat.is_alive():
            self._beat.join(PATIENCE_SECONDS)
        for process in self._people:
            process.kill()
        for process in self._people:
            process.join(PATIENCE_SECONDS)
        self.broker.close()
        self.control.close()
        if self._gateway is not None:
            self._gateway.kill()
            self._gateway.wait(PATIENCE_SECONDS)

    def start_gateway(self) -> None:
        arguments = ["-m", "backend.cli", "gateway", "--port", str(self._port)]
        with (self.folder / "gateway.log").open("ab") as log:
            self._gateway = subprocess.Popen(
                child.command([sys.executable, *arguments]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=stack.ROOT,
                env={**os.environ, "PYTHONPATH": str(stack.ROOT)},
            )
        url = self._environment["IBKR_GATEWAY_URL"]
        self.until(lambda: health.http_answers(f"{url}/__sim/clock"), "the gateway answers")
        self.control = Control(url, None)

    def kill_gateway(self) -> None:
        """Its process, as when a machine dies; and a new one on the same account."""
        assert self._gateway is not None
        self._gateway.kill()
        self._gateway.wait(PATIENCE_SECONDS)
        self.start_gateway()

    def condemn(self, name: object, point: str | None) -> None:
        if point is not None:
            redis.client().set(death_key(name), point)

    def pardon(self) -> None:
        for name in redis.client().scan_iter(death_key("*")):
            redis.client().delete(name)

    def until(self, condition: Any, what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        deadline = monotonic() + seconds
        while not condition():
            if monotonic() > deadline:
                raise RuntimeError(f"It never came that {what}; the logs are in {self.folder}.")
            sleep(0.05)

    def _keep_alive(self) -> None:
        """What Beat does, and a supervisor: quickly, since the clock runs fast."""
        turn = 0
        while not self._is_over.wait(_TURN_SECONDS):
            self._raise_the_dead()
            with suppress(AppError):
                reaper.send_abandoned()
                waiting.send_due(self.clock)
                self._hurry_the_parked()
                if turn % 8 == 0:
                    self.broker.ensure_session()
                    reaper.resume_parked(self.broker, self.clock)
            turn += 1

    def _hurry_the_parked(self) -> None:
        """They rest by the database's clock, which does not run as fast as the market's."""
        with transaction() as session:
            session.execute(_HURRY, {"seconds": _TURN_SECONDS * (self.clock.speed - 1)})

    def _raise_the_dead(self) -> None:
        living = [process for process in self._people if process.is_alive()]
        self.deaths += len(self._people) - len(living)
        self._people = living
        for kind, wanted in (("worker", _WORKERS), ("tracker", _TRACKERS)):
            while sum(process.name.startswith(kind) for process in self._people) < wanted:
                self._people.append(self._start(kind))

    def _start(self, kind: str) -> Any:
        self._made += 1
        name = f"{kind}-{self._made}"
        log = self.folder / f"{name}.log"
        if kind == "worker":
            pool = ["--pool", "threads", "--concurrency", str(_THREADS)]
            said = ["worker", *pool, "--hostname", f"{name}@%h", "--loglevel", "INFO"]
            process = _FORKS.Process(
                target=_be_a_worker, args=(said, self._environment, log), name=name
            )
        else:
            process = _FORKS.Process(target=_be_a_tracker, args=(self._environment, log), name=name)
        process.daemon = True
        process.start()
        return process


# By name: this process must not import what its children preload, which needs their settings.
def _be_a_worker(arguments: list[str], environment: dict[str, str], log: Path) -> None:
    from benchmarks.faults import mortal

    mortal.be_a_worker(arguments, environment, log)


def _be_a_tracker(environment: dict[str, str], log: Path) -> None:
    from benchmarks.faults import mortal

    mortal.be_a_tracker(environment, log)


@contextmanager
def running(start: datetime, speed: float, logs: Path) -> Iterator[House]:
    """
    A house at work, on free ports and with an account that is new; gone afterwards, but for what
    its processes said.
    """
    _FORKS.set_forkserver_preload(["benchmarks.faults.mortal"])
    with ExitStack() as cleaning:
        folder = cleaning.enter_context(stack.folder())
        postgres = cleaning.enter_context(PostgresServer(folder / "postgres").running())
        queues = cleaning.enter_context(RedisServer(folder / "redis").running())
        clock = SimulatedClock(start=start, speed=speed, begun_at=SystemClock().now())
        environment = {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": queues.url,
            "IBKR_GATEWAY_URL": f"https://127.0.0.1:{child.free_port()}",
            "GLASSBOX_HOME": str(folder),
            "SIMULATED_TIME": clock.model_dump_json(),
            "CHARTS_PNG": "false",
            "LEASE_SECONDS": "3",
            "REQUEUE_SECONDS": "2",
            "LOG_LEVEL": "INFO",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
        cleaning.enter_context(stack.pointed_at(**environment))
        command.upgrade(Config(stack.ROOT / "database" / "alembic.ini"), "head")
        house = House(logs, clock, environment)
        cleaning.callback(house.close)
        house.open()
        yield house
