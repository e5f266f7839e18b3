"""The short form of `glassbox bench faults`: eight mishaps, real processes, zeros."""

import subprocess
import sys

import pytest

from tests.chaos.stage import ROOT

pytestmark = pytest.mark.timeout(400)


# Four workers and a tracker die, the gateway's process is killed, stops are cancelled by the
# system, an order lives that nobody was told of.
SEED = "16"


def test_random_faults_leave_every_order_once_and_protected() -> None:
    # In a process of its own: it forks workers that must not inherit what this one has imported.
    loop = [sys.executable, "-m", "benchmarks", "faults"]
    asked = ["--count", "8", "--seed", SEED, "--speed", "60"]
    done = subprocess.run([*loop, *asked], cwd=ROOT, capture_output=True, text=True, timeout=380)
    assert done.returncode == 0, done.stdout + done.stderr[-4_000:]
    assert "8 executions" in done.stdout
    assert "ordered: " in done.stdout
