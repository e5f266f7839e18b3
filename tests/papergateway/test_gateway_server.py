"""The gateway as a process of its own."""

import signal
import socket
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from backend.core.errors import Conflict, InvalidInput
from backend.papergateway.server import serve

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from backend.papergateway.server import serve
serve(port=int(sys.argv[1]), https=True, speed=1, now=datetime(2026, 11, 18, 15, tzinfo=UTC),
      files=(), seed=1, state_dir=Path(sys.argv[2]))
print("returned")
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_signal_ends_the_process_cleanly_although_a_client_is_connected(
    tmp_path: Path,
) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(port), str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process, client_of(port) as client:
        state = when_up(client)
        assert state["now"].startswith("2026-11-18T15:00")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stdout is not None
        assert process.stdout.read() == "returned\n"


def client_of(port: int) -> httpx.Client:
    # Trust is checked elsewhere; here the certificate does not exist before the process does.
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    return httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trusting, trust_env=False)


def when_up(client: httpx.Client) -> dict[str, str]:
    for _ in range(300):
        try:
            found: dict[str, str] = client.get("/__sim/clock").json()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return found
    raise AssertionError("The gateway did not come up.")


def test_a_taken_port_is_a_conflict_that_names_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=f"127.0.0.1:{port}.*--port"):
            serve(port=port, https=False, state_dir=tmp_path)


def test_a_price_file_that_is_no_good_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "TSLA.csv"
    file.write_text("date,open\n2026-01-02,1\n")
    with pytest.raises(InvalidInput, match=r"TSLA\.csv"):
        serve(
            port=free_port(),
            https=False,
            files=(file,),
            now=datetime(2026, 11, 18, tzinfo=UTC),
            state_dir=tmp_path,
        )
