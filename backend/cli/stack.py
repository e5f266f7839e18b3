"""`glassbox down` and `glassbox status`."""

from datetime import datetime, timedelta
from typing import Any

import psutil
import typer
from rich.console import Console
from rich.table import Table

from backend.cli import up
from backend.core.clock import SystemClock
from backend.core.settings import settings
from backend.embedded.stack_file import StackFile

_STYLES = {"healthy": "green", "done": "green", "failed": "red", "silent": "red"}


def down() -> None:
    """Stop everything that `glassbox up` started."""
    console = Console(highlight=False)
    file = StackFile(settings().home.absolute())
    if not file.is_locked():
        console.print("Glassbox does not run.")
        return
    up.stop(console, file)


def status() -> None:
    """Show each part with its health, memory and restarts; ends with 1 unless all is well."""
    console = Console(highlight=False)
    document = StackFile(settings().home.absolute()).read()
    if document is None:
        console.print("Glassbox does not run. Start it with: glassbox up")
        raise typer.Exit(1)
    console.print(_table(document))
    for name, url in document["urls"].items():
        console.print(f"{name:<8} {url}")
    if any(part["state"] not in ("healthy", "done") for part in document["parts"]):
        raise typer.Exit(1)


def _table(document: dict[str, Any]) -> Table:
    table = Table("part", "health", "pid", "port", "up", "memory", "restarts", "", box=None)
    total = 0
    for part in [_supervisor(document), *document["parts"]]:
        memory = memory_bytes(part["pid"])
        total += memory
        table.add_row(
            part["name"],
            f"[{_STYLES.get(part['state'], 'yellow')}]{part['state']}[/]",
            str(part["pid"] or ""),
            str(part["port"] or ""),
            _uptime(part),
            _megabytes(memory),
            str(part["restarts"] or ""),
            "outside" if part["is_outside"] else part["detail"],
        )
    table.add_row("in all", "", "", "", "", _megabytes(total))
    return table


def _supervisor(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "supervisor",
        "state": "healthy",
        "pid": document["pid"],
        "port": None,
        "started_at": document["started_at"],
        "restarts": 0,
        "detail": "",
        "is_outside": False,
    }


def memory_bytes(pid: int | None) -> int:
    """
    Memory that a part holds, its descendants that the supervisor does not start included.

    Proportional set size: pages that processes share (PostgreSQL's buffers) count once in all.
    """
    if pid is None:
        return 0
    try:
        process = psutil.Process(pid)
        family = [process] if _is_supervisor(process) else [process, *process.children(True)]
        return sum(member.memory_full_info().pss for member in family)
    except psutil.Error:
        return 0


def _is_supervisor(process: psutil.Process) -> bool:
    return "backend.embedded" in process.cmdline()


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:.0f} MB" if count else ""


def _uptime(part: dict[str, Any]) -> str:
    if not part["started_at"] or not part["pid"]:
        return ""
    seconds = (SystemClock().now() - datetime.fromisoformat(part["started_at"])).total_seconds()
    return str(timedelta(seconds=round(seconds)))
