"""A gateway inside this process, for tests."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from backend.papergateway import certificates
from backend.papergateway.server import Server, configuration, create_world, listen
from backend.papergateway.world import World

START_SECONDS = 20.0


class Control:
    """The control plane of a running gateway; every call returns the answer's JSON."""

    def __init__(self, url: str, certificate: Path | None) -> None:
        verify = ssl.create_default_context(cafile=str(certificate)) if certificate else False
        self._http = httpx.Client(base_url=f"{url}/__sim", verify=verify, trust_env=False)

    def state(self) -> dict[str, Any]:
        return self._ask("GET", "state")

    def now_ms(self) -> int:
        return int(self._ask("GET", "clock")["now_ms"])

    def set_clock(self, now: datetime) -> None:
        self._ask("POST", "clock", {"now": now.isoformat()})

    def advance(self, seconds: float) -> None:
        self._ask("POST", "clock", {"advance_seconds": seconds})

    def run_at(self, speed: float) -> None:
        self._ask("POST", "clock", {"speed": speed})

    def session(self, state: str) -> None:
        """`ready`, `logged_out`, `sso_only`, `connecting`, `competing` or `sso_expired`."""
        self._ask("POST", "session", {"state": state})

    def happen(self, event: str) -> None:
        """`session_id` or `nightly_reset`."""
        self._ask("POST", "session", {"event": event})

    def add_fault(self, kind: str, path: str = "*", **rest: Any) -> None:
        """The fields of `backend.papergateway.faults.Fault`."""
        self._ask("POST", "faults", {"add": [{"kind": kind, "path": path, **rest}]})

    def clear_faults(self) -> None:
        self._ask("POST", "faults", {"clear": True})

    def faults(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("GET", "faults")["faults"]
        return found

    def fault_kinds(self) -> dict[str, str]:
        """Every kind of fault, and what it does."""
        found: dict[str, str] = self._ask("GET", "faults")["kinds"]
        return found

    def requests(self) -> list[dict[str, Any]]:
        """The last 1000 requests, oldest first."""
        found: list[dict[str, Any]] = self._ask("GET", "requests")["recent"]
        return found

    def counts(self) -> dict[str, int]:
        """How often each path below /v1/api was asked since the last reset."""
        found: dict[str, int] = self._ask("GET", "requests")["counts"]
        return found

    def reset(self) -> None:
        self._ask("POST", "reset")

    def restart(self) -> None:
        """As if the process had been killed and started again."""
        self._ask("POST", "restart")

    def books(self) -> dict[str, Any]:
        """The broker's own truth about orders, trades, positions and money, past every cache."""
        return self._ask("GET", "books")

    def trade(self, symbol: str, side: str, quantity: int) -> None:
        """A market order from another platform of the same account."""
        self._ask("POST", "trade", {"symbol": symbol, "side": side, "quantity": quantity})

    def charge(self, plan: str) -> None:
        """Commissions from now on: `fixed` or `tiered`."""
        self._ask("POST", "commissions", {"commissions": plan})

    def close(self) -> None:
        self._http.close()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self._http.request(method, path, json=body)
        if response.is_error:
            raise AssertionError(f"/__sim/{path} answered {response.status_code}: {response.text}")
        found: dict[str, Any] = response.json()
        return found


@dataclass(frozen=True)
class RunningGateway:
    """
    `url` has no path ("https://127.0.0.1:41234"); the API is below `url` + "/v1/api".

    `certificate` is the PEM to pin, None with plain HTTP.
    """

    url: str
    certificate: Path | None
    control: Control
    world: World

    @property
    def api_url(self) -> str:
        return f"{self.url}/v1/api"

    @property
    def websocket_url(self) -> str:
        return f"ws{self.api_url.removeprefix('http')}/ws"


@contextmanager
def running_gateway(
    *,
    https: bool = True,
    speed: float = 1.0,
    now: datetime | None = None,
    files: tuple[Path, ...] = (),
    seed: int = 1,
    paced: bool = True,
    account: Path | None = None,
) -> Iterator[RunningGateway]:
    """
    A gateway on a free port of 127.0.0.1, ready when the block begins, gone when it ends.

    Its account is new and in memory, or the one in the file `account`.
    """
    world = create_world(speed=speed, now=now, files=files, seed=seed, paced=paced, account=account)
    with TemporaryDirectory() as folder:
        pair = certificates.ensure(Path(folder)) if https else None
        server = Server(configuration(world, certificate=pair))
        with listen("127.0.0.1", 0) as listener, _in_a_thread(server, listener):
            port = listener.getsockname()[1]
            url = f"{'https' if https else 'http'}://127.0.0.1:{port}"
            certificate = pair[0] if pair else None
            control = Control(url, certificate)
            try:
                yield RunningGateway(url, certificate, control, world)
            finally:
                control.close()
    world.store.close()


@contextmanager
def _in_a_thread(server: Server, listener: socket.socket) -> Iterator[None]:
    ready = threading.Event()

    async def run() -> None:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        ready.set()
        await serving

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="paper gateway")
    thread.start()
    try:
        assert ready.wait(START_SECONDS), "The paper gateway did not start."
        assert server.started, "The paper gateway ended while it was starting."
        yield
    finally:
        server.should_exit = True
        thread.join()
