"""The short forms of `glassbox bench faults`: real processes, real kills, zeros."""

import subprocess
import sys

import pytest

from tests.chaos.stage import ROOT

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize(
    ("mishaps", "asked"),
    [
        # Each place at which an order's way can break, once.
        (12, ["--count", "0"]),
        # Four workers and a tracker die, the gateway's process is killed, stops are cancelled by
        # the system, an order lives that nobody was told of.
        (8, ["--count", "8", "--seed", "16"]),
    ],
)
def test_whatever_breaks_every_order_is_there_once_and_protected(
    mishaps: int, asked: list[str]
) -> None:
    # In a process of its own: it forks workers that must not inherit what this one has imported.
    loop = [sys.executable, "-m", "benchmarks", "faults", "--speed", "60", *asked]
    done = subprocess.run(loop, cwd=ROOT, capture_output=True, text=True, timeout=880)
    assert done.returncode == 0, done.stdout + done.stderr[-4_000:]
    assert f"{mishaps} executions" in done.stdout
    assert "ordered: " in done.stdout
