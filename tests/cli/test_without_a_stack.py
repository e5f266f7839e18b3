import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("command", [["executions"], ["verify"], ["lineage", "1"], ["run", "x"]])
def test_a_command_without_a_stack_says_how_to_start_one(
    command: list[str], tmp_path: Path
) -> None:
    names = ("DATABASE_URL", "REDIS_URL")
    environment = {key: value for key, value in os.environ.items() if key not in names}

    done = subprocess.run(
        [sys.executable, "-m", "backend.cli", *command],
        cwd=ROOT,
        env={**environment, "GLASSBOX_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "Start it with ./glassbox up" in done.stderr
