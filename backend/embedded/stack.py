"""The parts of `glassbox up`: what each one is started with, and what it waits for."""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backend.core.errors import InvalidInput
from backend.core.settings import Settings
from backend.embedded import child, health
from backend.embedded.part import Part
from backend.embedded.postgres import PostgresServer
from backend.embedded.redis import RedisServer

USUAL_PORTS = {"postgres": 5432, "redis": 6379, "gateway": 5000, "flower": 5555}

# Glass boxes are small: fewer memory arenas and no thread per core in BLAS, in every process.
_THRIFT = {
    "MALLOC_ARENA_MAX": "2",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True)
class Stack:
    """Everything the supervisor needs, and what other commands may want to know."""

    parts: tuple[Part, ...]
    environment: dict[str, str]
    """What a process of ours needs to find the parts, passwords included."""
    urls: dict[str, str]
    """Where a person looks, by the part's name."""
    notes: tuple[str, ...]
    """What is not as usual, such as a port that another program holds."""


def build(settings: Settings, home: Path) -> Stack:
    """
    Choose ports and lay out the parts; starts nothing.

    What the settings point outside (DATABASE_URL, REDIS_URL, IBKR_GATEWAY_URL) is only checked.
    Raises `InvalidInput` when WEB_PORT was set and is taken.
    """
    return _Layout(settings, home).stack()


class _Layout:
    def __init__(self, settings: Settings, home: Path) -> None:
        self.settings = settings
        self.home = home
        self.notes: list[str] = []
        self.urls: dict[str, str] = {}
        self.environment = {**_THRIFT, "GLASSBOX_HOME": str(home)}
        if (simulated := settings.simulated_time) is not None:
            self.environment["SIMULATED_TIME"] = simulated.model_dump_json()

    def stack(self) -> Stack:
        servers = (self._redis(), self._postgres(), self._gateway())
        # Only once the servers' URLs are in the environment can the rest be described.
        ours = (self._migrate(), self._web(), self._worker(), self._beat())
        beside = (self._tracker(), self._flower())
        return Stack((*servers, *ours, *beside), self.environment, self.urls, tuple(self.notes))

    def _port(self, part: str, usual: int) -> int:
        port = child.free_port(usual)
        if port != usual:
            self.notes.append(f"Port {usual} is taken by another program: {part} uses {port}.")
        return port

    def _postgres(self) -> Part:
        if url := self.settings.database_url:
            return self._outside("postgres", "DATABASE_URL", url, health.database_answers)
        server = PostgresServer(
            self.home / "postgres", port=self._port("postgres", USUAL_PORTS["postgres"])
        )
        self.environment["DATABASE_URL"] = server.url
        return _server(server, stop_signal=signal.SIGINT)

    def _redis(self) -> Part:
        if url := self.settings.redis_url:
            return self._outside("redis", "REDIS_URL", url, health.redis_answers)
        server = RedisServer(self.home / "redis", port=self._port("redis", USUAL_PORTS["redis"]))
        self.environment["REDIS_URL"] = server.url
        return _server(server, stop_signal=signal.SIGTERM)

    def _gateway(self) -> Part:
        if "ibkr_gateway_url" in self.settings.model_fields_set:
            url = self.settings.ibkr_gateway_url
            return self._outside("gateway", "IBKR_GATEWAY_URL", url, _gateway_answers)
        port = self._port("gateway", USUAL_PORTS["gateway"])
        url = f"https://127.0.0.1:{port}"
        self.environment["IBKR_GATEWAY_URL"] = self.urls["gateway"] = url
        return Part(
            name="gateway",
            command=_python("-m", "backend.cli", "gateway", "--port", str(port)),
            is_healthy=lambda: _gateway_answers(url),
            port=port,
        )

    def _outside(self, name: str, setting: str, url: str, ask: Callable[[str], bool]) -> Part:
        self.environment[setting] = url
        return Part(name=name, command=None, is_healthy=lambda: ask(url))

    def _migrate(self) -> Part:
        return Part(
            name="migrate",
            command=_python("-m", "alembic", "-c", "database/alembic.ini", "upgrade", "head"),
            needs=("postgres",),
            runs_once=True,
        )

    def _web(self) -> Part:
        port = self._web_port()
        self.environment["WEB_PORT"] = str(port)
        chosen = self.settings.web_secret.get_secret_value()
        self.environment["WEB_SECRET"] = chosen or child.secret(self.home / "web" / "secret")
        self.urls["web"] = f"http://127.0.0.1:{port}"
        host = self.settings.web_host
        asked = "127.0.0.1" if host == "0.0.0.0" else host
        serve = ("backend.app:app", "--host", host, "--port", str(port), "--no-access-log")
        # Pages that follow a run keep their connection open for good.
        patience = ("--timeout-graceful-shutdown", "3")
        return Part(
            name="web",
            command=_python("-m", "uvicorn", *serve, *patience),
            is_healthy=lambda: health.http_answers(f"http://{asked}:{port}/health/live"),
            # Not the tables: its imports take as long as the migration, beside it.
            needs=("postgres",),
            # Or else any program of this machine could say that it asks from elsewhere.
            environment={"FORWARDED_ALLOW_IPS": os.environ.get("FORWARDED_ALLOW_IPS", "")},
            port=port,
        )

    def _web_port(self) -> int:
        wanted = self.settings.web_port
        if "web_port" not in self.settings.model_fields_set:
            return self._port("web", wanted)
        if not child.is_free(wanted):
            raise InvalidInput(
                f"WEB_PORT is {wanted}, but another program listens there. Stop it, set WEB_PORT"
                " to a free port, or leave it out to get any free one.",
                field="web_port",
            )
        return wanted

    def _worker(self) -> Part:
        threads = str(self.settings.worker_threads)
        redis_url = self.environment["REDIS_URL"]
        return Part(
            name="worker",
            command=_celery(
                "backend.worker", "worker", "--pool", "threads", "--concurrency", threads
            ),
            is_healthy=lambda: health.worker_listens(redis_url),
            needs=("migrate", "redis"),
        )

    def _beat(self) -> Part:
        schedule = self.home / "beat-schedule"
        return Part(
            name="beat",
            command=_celery("backend.beat", "beat", "--schedule", str(schedule)),
            is_healthy=lambda: any(self.home.glob(f"{schedule.name}*")),
            needs=("migrate", "redis"),
        )

    def _tracker(self) -> Part:
        redis_url = self.environment["REDIS_URL"]
        return Part(
            name="tracker",
            command=_python("-m", "backend.tracker"),
            is_healthy=lambda: health.tracker_lives(redis_url),
            needs=("migrate", "redis"),
        )

    def _flower(self) -> Part:
        port = self._port("flower", USUAL_PORTS["flower"])
        folder = self.home / "flower"
        folder.mkdir(exist_ok=True, mode=0o700)
        url = self.environment["FLOWER_URL"] = f"http://127.0.0.1:{port}"
        # Where a person finds it: by our own sign-in.
        self.urls["flower"] = f"{self.urls['web']}/system/flower"
        return Part(
            name="flower",
            # Without our own application: it shows the queue, and asks us only who may look.
            command=_python("-m", "celery", "flower"),
            is_healthy=lambda: health.http_answers(f"{url}/healthcheck"),
            needs=("redis", "migrate"),
            environment={
                "CELERY_BROKER_URL": self.environment["REDIS_URL"],
                "FLOWER_ADDRESS": "127.0.0.1",
                "FLOWER_PORT": str(port),
                "FLOWER_AUTH": "glassbox",
                "FLOWER_AUTH_PROVIDER": "backend.web.flower_provider.FlowerSignIn",
                "FLOWER_PERSISTENT": "true",
                "FLOWER_DB": str(folder / "events"),
                "FLOWER_STATE_SAVE_INTERVAL": "60000",
                "FLOWER_READ_ONLY": "true",
            },
            port=port,
        )


def _server(server: PostgresServer | RedisServer, *, stop_signal: signal.Signals) -> Part:
    def command() -> list[str]:
        server.prepare()
        return server.command()

    return Part(
        name="postgres" if isinstance(server, PostgresServer) else "redis",
        command=command,
        is_healthy=server.is_ready,
        port=server.port,
        stop_signal=stop_signal,
    )


def _gateway_answers(url: str) -> bool:
    # Any answer will do, "not logged in" included: the engine parks executions by itself.
    return health.http_answers(f"{url.rstrip('/')}/v1/api/iserver/auth/status", below=500)


def _python(*arguments: str) -> Callable[[], list[str]]:
    return lambda: child.command([sys.executable, *arguments])


def _celery(app: str, *arguments: str) -> Callable[[], list[str]]:
    return _python("-m", "celery", "-A", app, *arguments, "--loglevel", "INFO")
