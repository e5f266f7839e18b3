"""The account outlives the process, however that ends."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.core.clock import to_ms
from backend.core.errors import Conflict, InvalidInput
from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway, running_gateway
from backend.papergateway.server import create_world
from backend.papergateway.trading.store import Store
from tests.papergateway.trader import Trader

ROOT = Path(__file__).parents[2]
MORNING = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
PROGRAM = """
import sys
from datetime import datetime
from pathlib import Path
from backend.papergateway.server import serve
now = datetime.fromisoformat(sys.argv[3]) if sys.argv[3] else None
serve(port=int(sys.argv[1]), https=False, now=now, state_dir=Path(sys.argv[2]),
      new_account=sys.argv[4:] == ["new"])
"""


@contextmanager
def process(
    folder: Path, port: int, *more: str, now: datetime | None = MORNING
) -> Iterator[tuple[Any, httpx.Client]]:
    """A gateway of its own on `port`; it is killed at the end, whatever happens."""
    moment = now.isoformat() if now else ""
    arguments = [str(port), str(folder), moment, *more]
    child = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/v1/api", trust_env=False) as client:
        try:
            _wait_until_up(client)
            client.get("/iserver/accounts")
            yield child, client
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()


def _wait_until_up(client: httpx.Client) -> None:
    for _ in range(300):
        try:
            client.post("/tickle")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("The gateway did not come up.")


def books(client: httpx.Client) -> dict[str, Any]:
    url = str(client.base_url).replace("/v1/api/", "/__sim/books")
    found: dict[str, Any] = client.get(url).json()
    return found


def test_a_killed_gateway_goes_on_where_it_was(tmp_path: Path, free_port: int) -> None:
    with process(tmp_path, free_port) as (_, client):
        trader = Trader(client)
        trader.place(trader.ticket(cOID="entry"))
        stop = trader.ticket(side="SELL", orderType="STP", price=400, tif="GTC", cOID="stop")
        trader.place(stop)
        question = trader.post(trader.ticket(cOID="asked")).json()[0]["id"]
        before = books(client)
    assert before["positions"] == {"AAPL": 100}
    with process(tmp_path, free_port) as (_, client):
        after = books(client)
        assert after["now_ms"] >= before["now_ms"] - 2_000
        assert after["accounts"] == before["accounts"]
        assert [(row["order_ref"], row["status"]) for row in after["orders"]] == [
            ("entry", "Filled"),
            ("stop", "PreSubmitted"),
        ]
        trader = Trader(client)
        assert trader.reply(question).status_code == 400
        assert "already registered" in trader.place(trader.ticket(cOID="stop"))["error"]


def test_the_real_time_has_an_account_of_its_own_and_a_new_one_can_be_had(
    tmp_path: Path, free_port: int
) -> None:
    state = tmp_path / "state"
    with process(state, free_port) as (_, client):
        Trader(client).place(Trader(client).ticket(cOID="entry"))
        assert len(books(client)["orders"]) == 1
    with process(state, free_port, now=None) as (_, client):
        assert books(client)["orders"] == []
    with process(state, free_port, "new") as (_, client):
        assert books(client)["orders"] == []


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def trading(gateway: RunningGateway, client: httpx.Client) -> Trader:
    client.get("/iserver/accounts")
    return Trader(client, gateway)


@contextmanager
def kept(path: Path, now: datetime) -> Iterator[Trader]:
    with (
        running_gateway(https=False, now=now, account=path, paced=False) as gateway,
        httpx.Client(base_url=gateway.api_url, trust_env=False) as client,
    ):
        yield trading(gateway, client)


def test_what_happened_while_the_gateway_was_away_is_caught_up(tmp_path: Path) -> None:
    path = tmp_path / "account.sqlite"
    with kept(path, MORNING) as trader:
        trader.place(trader.ticket())
        trader.place(
            trader.ticket(
                side="SELL", orderType="TRAIL", trailingType="amt", trailingAmt=2, tif="GTC"
            )
        )
    with kept(path, MORNING + timedelta(hours=6)) as trader:
        found = trader.gateway.control.books()
    assert found["balances"] is True
    assert found["positions"] == {"AAPL": 0}
    sold = found["orders"][1]
    assert sold["status"] == "Filled"
    close = MORNING + timedelta(hours=5, minutes=30)
    assert sold["lastExecutionTime_r"] < to_ms(close)


def test_time_does_not_run_backwards_for_an_account(tmp_path: Path) -> None:
    path = tmp_path / "account.sqlite"
    with kept(path, MORNING) as trader:
        trader.place(trader.ticket())
        last_ms = trader.gateway.control.now_ms()
    with kept(path, MORNING - timedelta(days=3)) as trader:
        assert trader.gateway.control.now_ms() >= last_ms - 5_000
        assert trader.gateway.control.books()["positions"] == {"AAPL": 100}


def test_a_second_gateway_does_not_touch_the_account(tmp_path: Path) -> None:
    path = tmp_path / "account.sqlite"
    store = Store(path)
    with pytest.raises(Conflict, match="Stop the other gateway"):
        Store(path)
    store.close()
    Store(path).close()


def test_an_account_whose_prices_are_gone_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "TSLA.csv"
    rows = ["date,open,high,low,close,volume", "2026-11-17,10,11,9,10,1000000"]
    rows += ["2026-11-18,10,11,9,10,1000000"]
    file.write_text("\n".join(rows) + "\n")
    path = tmp_path / "account.sqlite"
    with (
        running_gateway(https=False, now=MORNING, account=path, files=(file,)) as gateway,
    ):
        gateway.control.trade("TSLA", "BUY", 10)
    with pytest.raises(InvalidInput, match="--prices"):
        create_world(now=MORNING, account=path)


def test_a_reset_opens_a_new_account(tmp_path: Path) -> None:
    path = tmp_path / "account.sqlite"
    with kept(path, MORNING) as trader:
        trader.place(trader.ticket())
        trader.gateway.control.reset()
        assert trader.gateway.control.books()["orders"] == []
    store = Store(path)
    state = store.load()
    assert state is not None
    assert state.orders == {}
    assert state.fills == []
    assert state.books.cash == 1_000_000
    store.close()


def test_the_account_is_simulated_wherever_it_is_read(tmp_path: Path) -> None:
    with kept(tmp_path / "account.sqlite", MORNING) as trader:
        assert trader.gateway.control.books()["simulated"] is True
        answer = trader.http.get("/portfolio/accounts")
        assert answer.headers["x-glassbox-simulated"] == "true"
        assert answer.json()[0]["id"] == ACCOUNT


def test_a_folder_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    Store(tmp_path / "new" / "home" / "account.sqlite").close()
    assert (tmp_path / "new" / "home" / "account.sqlite").exists()
