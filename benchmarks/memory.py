"""Resident memory of everything that `glassbox up` starts, after it has run its example once."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from backend.embedded.stack_file import StackFile
from benchmarks import stack

START_SECONDS = 120
STOP_SECONDS = 60
_NOTHING_OUTSIDE = dict.fromkeys(
    ("DATABASE_URL", "REDIS_URL", "IBKR_GATEWAY_URL", "WEB_PORT", "OPENAI_API_KEY")
)


def run() -> list[dict[str, Any]]:
    """
    Megabytes by part; a browser counts to the worker that started it, each part with its children.

    `pss` shares out pages that processes have in common, so that it adds up; `uss` is what would
    be free without the part; `rss` counts shared pages everywhere.
    """
    with _running_stack() as document:
        supervisor = psutil.Process(document["pid"])
        parts = {part["name"]: part["pid"] for part in document["parts"] if part["pid"]}
        rows = [_row("supervisor", [supervisor])]
        for name, pid in parts.items():
            process = psutil.Process(pid)
            family = [process, *process.children(recursive=True)]
            browser = [member for member in family if "chrom" in member.name()]
            rows.append(_row(name, [member for member in family if member not in browser]))
            if browser:
                rows.append(_row(f"{name}'s browser", browser))
    total = {name: sum(row[name] for row in rows) for name in ("pss_mb", "uss_mb", "rss_mb")}
    return [*rows, {"benchmark": "the whole stack"} | total]


@contextmanager
def _running_stack() -> Iterator[dict[str, Any]]:
    with stack.folder() as home, stack.pointed_at(**_NOTHING_OUTSIDE, GLASSBOX_HOME=str(home)):
        try:
            _glassbox("up", "--detach", seconds=START_SECONDS)
            document = StackFile(home).read()
            if document is None:
                raise RuntimeError("The stack ended as soon as it had started.")
            yield document
        finally:
            _glassbox("down", seconds=STOP_SECONDS)


def _glassbox(*arguments: str, seconds: int) -> None:
    subprocess.run(
        [sys.executable, "-m", "backend.cli", *arguments],
        cwd=stack.ROOT,
        stdout=subprocess.DEVNULL,
        timeout=seconds,
        check=True,
    )


def _row(name: str, family: list[psutil.Process]) -> dict[str, Any]:
    memory = [member.memory_full_info() for member in family]
    return {
        "benchmark": name,
        **{
            f"{kind}_mb": round(sum(getattr(each, kind) for each in memory) / 1e6)
            for kind in ("pss", "uss", "rss")
        },
    }
