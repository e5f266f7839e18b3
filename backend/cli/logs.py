"""`glassbox logs`: what the parts say, one prefix and one colour each."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from backend.core.errors import InvalidInput, UnknownName, did_you_mean
from backend.core.settings import settings
from backend.embedded.stack_file import StackFile

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta")
_LEVELS = {"warning": "yellow", "error": "red", "critical": "red"}
# Said once by the part's prefix, or by the line's place.
_NOT_REPEATED = ("event", "level", "timestamp", "part")


def logs(
    part: Annotated[str, typer.Argument(help="One part, such as worker; all without it.")] = "",
    follow_: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they grow.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Last lines of each.")] = 20,
) -> None:
    """Show what the parts have logged."""
    console = Console(highlight=False)
    file = StackFile(settings().home.absolute())
    names = _names(file)
    if part and part not in names:
        raise UnknownName(
            f"No part named {part!r} has logged; there are {', '.join(names) or 'none'}."
            f"{did_you_mean(part, names)}"
        )
    for name in [part] if part else names:
        for line in tail(file.log_of(name), lines):
            console.print(render(name, line), soft_wrap=True)
    if follow_:
        follow(console, file, only=part)


def follow(
    console: Console,
    file: StackFile,
    *,
    only: str = "",
    while_: Callable[[], bool] = lambda: True,
) -> None:
    """Print what the logs gain from now on, for as long as `while_` holds."""
    readers: dict[str, _Reader] = {}
    while True:
        goes_on = while_()
        for name in _names(file):
            if name not in readers:
                readers[name] = _Reader(file.log_of(name))
            if not only or name == only:
                for line in readers[name].new_lines():
                    console.print(render(name, line), soft_wrap=True)
        if not goes_on:
            return
        sleep(0.2)


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log, of its last 64 KiB at most."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - 65_536))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise InvalidInput(f"{path} belongs to another user; run as that user.") from error
    return text.splitlines()[-lines:] if lines else []


def render(name: str, line: str) -> Text:
    """The line with its part's prefix; a JSON log line as time, event and fields."""
    colour = _COLOURS[sum(name.encode()) % len(_COLOURS)]
    prefix = Text(f"{name:<10} ", style=colour)
    try:
        fields = json.loads(line)
        prefix.append(_as_sentence(fields), style=_LEVELS.get(fields.get("level", ""), ""))
    except (ValueError, AttributeError, KeyError):
        # Not JSON, or not a log line of ours: shown as it is.
        prefix.append(line)
    return prefix


def _as_sentence(fields: dict[str, Any]) -> str:
    time = str(fields.get("timestamp", ""))[11:19]
    rest = " ".join(f"{key}={value}" for key, value in fields.items() if key not in _NOT_REPEATED)
    return f"{time} {fields['event']} {rest}".strip()


class _Reader:
    """Where we are in one log file; starts at its end, and again when it is emptied."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = path.stat().st_size
        self._partial = b""

    def new_lines(self) -> Iterator[str]:
        if self._path.stat().st_size < self._position:
            self._position = 0
        with self._path.open("rb") as file:
            file.seek(self._position)
            data = file.read()
        self._position += len(data)
        *whole, self._partial = (self._partial + data).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")


def _names(file: StackFile) -> list[str]:
    return sorted(path.stem for path in file.logs.glob("*.log"))
