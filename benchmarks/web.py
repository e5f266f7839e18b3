"""A web process of its own, as `glassbox up` starts it, and somebody who is signed in to it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import psutil

from backend.core.clock import SystemClock
from backend.core.database import transaction
from backend.embedded import child
from backend.web import people, sessions, signing
from benchmarks import stack

SECRET = "a secret of this benchmark alone, of sixty-four characters or so"


@dataclass(frozen=True)
class Web:
    address: str
    cookies: dict[str, str]
    process: psutil.Process

    @property
    def pss_mb(self) -> float:
        return float(self.process.memory_full_info().pss) / 1e6


@contextmanager
def served(**environment: str) -> Iterator[Web]:
    port = child.free_port(8765)
    address = f"http://127.0.0.1:{port}"
    with stack.pointed_at(
        **environment, LOG_LEVEL="WARNING", WEB_SECRET=SECRET, WEB_PORT=str(port)
    ):
        command = [sys.executable, "-m", "uvicorn", "backend.app:app", "--port", str(port)]
        quietly = ("--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "3")
        server = subprocess.Popen([*command, *quietly])
        try:
            _wait_for(address)
            yield Web(address, _cookie(), psutil.Process(server.pid))
        finally:
            server.terminate()
            server.wait(30)


def _cookie() -> dict[str, str]:
    clock = SystemClock()
    with transaction() as session:
        person = people.add(session, clock, "benchmark")
        _, token = sessions.begin(session, clock, person, address="127.0.0.1", agent="benchmark")
    return {f"glassbox_{signing.instance()}": signing.sign("session", token)}


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if httpx.get(f"{address}/health/live").is_success:
                return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)
