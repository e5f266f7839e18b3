"""`glassbox test`: the whole suite, on two cores."""

import os
import sys
from pathlib import Path

import typer

REPOSITORY = Path(__file__).parents[2]


def test(context: typer.Context) -> None:
    """Run the tests; arguments go to pytest."""
    given = context.args
    # A debugger, and whoever chose a number of processes, must not get two.
    alone = any(argument.startswith(("-n", "--pdb", "--numprocesses")) for argument in given)
    spread = [] if alone else ["-n", "2", "--dist", "worksteal"]
    os.chdir(REPOSITORY)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *spread, *given])
