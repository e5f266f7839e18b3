"""`glassbox bench`: our speed beside its limits; benchmarks/README.md explains each number."""

import os
import sys
from pathlib import Path

import typer

REPOSITORY = Path(__file__).parents[2]


def bench(context: typer.Context) -> None:
    """Measure our speed beside raw limits; arguments choose benchmarks."""
    os.chdir(REPOSITORY)
    os.execv(sys.executable, [sys.executable, "-m", "benchmarks", *context.args])
