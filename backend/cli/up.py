"""`glassbox up`: start the stack, show that it works, and stay with it until it is told to stop."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, Any

import typer
from rich.console import Console

from backend.cli import gateway, simulated_time
from backend.cli import home as home_folder
from backend.cli.connect import join_running_stack
from backend.cli.logs import follow, tail
from backend.core.errors import OutsideError
from backend.core.settings import settings
from backend.embedded import child
from backend.embedded.stack_file import StackFile

REPOSITORY = Path(__file__).parents[2]
PATIENCE_SECONDS = 180.0
FAILURES_AT_START = 3
"""A part that failed so often before all was healthy will not come up without help."""


def up(
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return once everything is healthy.")
    ] = False,
    example: Annotated[
        bool, typer.Option(help="Seed the example strategy and run it once.")
    ] = True,
    start: Annotated[
        str,
        typer.Option("--from", help="Live in a simulated time from then, as 2026-11-20T14:30Z."),
    ] = "",
    speed: Annotated[
        float | None, typer.Option(help="How fast a simulated time runs; 60 unless given.")
    ] = None,
) -> None:
    """Start everything on this machine, and run the example strategy once."""
    console = Console(highlight=False)
    home = home_folder.ready(settings().home)
    file = StackFile(home)
    lock = file.lock()
    if lock is None:
        _say_that_it_runs(console, file)
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    moment = gateway.moment(start, option="--from") if start else None
    clock = simulated_time.chosen(home, settings(), start=moment, speed=speed)
    if clock is not None:
        os.environ["SIMULATED_TIME"] = clock.model_dump_json()
        settings.cache_clear()
    supervisor = _start_supervisor(file, lock, detach=detach)
    try:
        _wait_until_healthy(console, file, supervisor)
        join_running_stack()
        if example:
            _run_example(console)
        _show_urls(console, file)
    except BaseException:
        with suppress(KeyboardInterrupt):
            stop(console, file)
        raise
    if not detach:
        # The same process as a new program: it has let go of everything the example imported.
        os.execv(sys.executable, [sys.executable, "-m", "backend.cli", "attend"])


def attend() -> None:
    """Follow the logs of the stack that this process started; stop it when we are stopped."""
    console = Console(highlight=False)
    file = StackFile(settings().home.absolute())
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        follow(console, file, while_=file.is_locked)
    except KeyboardInterrupt:
        stop(console, file)
        return
    if file.was_stopped():
        console.print("Glassbox was stopped.")
        return
    raise OutsideError(
        f"The supervisor ended by itself. Its last words are in {file.log_of('supervisor')};"
        " start it again with: glassbox up"
    )


def stop(console: Console, file: StackFile) -> None:
    """Stop the running stack and wait for it; asked again (Ctrl-C), stop it at once."""
    deadline = monotonic() + 60
    with console.status("Stopping ..."):
        _ask_to_stop(file)
        while file.is_locked():
            try:
                sleep(0.05)
            except KeyboardInterrupt:
                _ask_to_stop(file)
            if monotonic() > deadline:
                raise OutsideError(
                    f"Glassbox did not stop within a minute; see {file.log_of('supervisor')}."
                )
    console.print("Stopped.")


def _ask_to_stop(file: StackFile) -> None:
    deadline = monotonic() + 10
    # A supervisor that has only just begun has not said its pid yet.
    while (document := file.read()) is None and file.is_locked() and monotonic() < deadline:
        sleep(0.02)
    if document is not None:
        with suppress(ProcessLookupError):
            os.kill(document["pid"], signal.SIGTERM)


def _say_that_it_runs(console: Console, file: StackFile) -> None:
    document = file.read()
    if document is None or not _all_ready(document):
        console.print("Glassbox is just starting; see: glassbox status")
        return
    console.print(
        f"Glassbox runs already: {document['urls']['web']}\n"
        "Sign in by a link from: glassbox link\n"
        "See it with: glassbox status, glassbox logs -f; stop it with: glassbox down"
    )


def _start_supervisor(file: StackFile, lock: int, *, detach: bool) -> "subprocess.Popen[bytes]":
    file.logs.mkdir(exist_ok=True, mode=0o700)
    program = [sys.executable, "-m", "backend.embedded", str(lock)]
    # Without --detach it belongs to this terminal: however we end, it stops the parts and ends.
    command = program if detach else child.command(program, death_signal="TERM")
    with file.log_of("supervisor").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=REPOSITORY,
            pass_fds=[lock],
            start_new_session=True,
        )
    os.close(lock)
    return process


def _wait_until_healthy(
    console: Console, file: StackFile, supervisor: "subprocess.Popen[bytes]"
) -> None:
    begun = monotonic()
    told: set[str] = set()
    with console.status("Starting ...") as spinner:
        while True:
            document = file.read()
            if document is not None:
                _tell_progress(console, document, told, monotonic() - begun)
                if _all_ready(document):
                    return
                waiting = [part["name"] for part in document["parts"] if not _is_ready(part)]
                spinner.update(f"Starting {', '.join(waiting)} ...")
            _give_up_if_hopeless(file, supervisor, document, monotonic() - begun)
            sleep(0.05)


def _tell_progress(
    console: Console, document: dict[str, Any], told: set[str], seconds: float
) -> None:
    def once(key: str, line: str) -> None:
        if key not in told:
            told.add(key)
            console.print(line)

    for note in document["notes"]:
        once(note, f"[yellow]![/] {note}")
    for part in document["parts"]:
        name = part["name"]
        if _is_ready(part):
            port = f"  127.0.0.1:{part['port']}" if part["port"] else ""
            outside = "  (not ours, checked only)" if part["is_outside"] else ""
            once(
                name, f"[green]✓[/] {name:<9} {part['state']} after {seconds:4.1f} s{port}{outside}"
            )
        elif part["detail"]:
            once(f"{name} {part['restarts']}", f"[red]✗[/] {name:<9} {part['detail']}")


def _give_up_if_hopeless(
    file: StackFile,
    supervisor: "subprocess.Popen[bytes]",
    document: dict[str, Any] | None,
    seconds: float,
) -> None:
    if supervisor.poll() is not None:
        raise OutsideError("\n".join(tail(file.log_of("supervisor"), 3)))
    for part in document["parts"] if document else ():
        hopeless = part["restarts"] >= FAILURES_AT_START or seconds > PATIENCE_SECONDS
        if hopeless and not _is_ready(part):
            raise OutsideError(_why_not(file, part))


def _why_not(file: StackFile, part: dict[str, Any]) -> str:
    if part["is_outside"]:
        return (
            f"{part['name']} runs outside and does not answer. Start it, or mend its URL in the"
            " settings: DATABASE_URL, REDIS_URL or IBKR_GATEWAY_URL."
        )
    log = file.log_of(part["name"])
    words = "\n".join(f"  {line}" for line in tail(log, 15))
    return f"{part['name']} did not come up. {part['detail']} The end of {log}:\n{words}"


def _is_ready(part: dict[str, Any]) -> bool:
    return part["state"] in ("healthy", "done")


def _all_ready(document: dict[str, Any]) -> bool:
    return all(_is_ready(part) for part in document["parts"])


def _run_example(console: Console) -> None:
    # Here and not above: it needs the whole engine, which `glassbox down` does not.
    from backend.cli.example import run_example

    run_example(console)


def _show_urls(console: Console, file: StackFile) -> None:
    # Here and not above: they need the database's tables, which `glassbox down` does not.
    from backend.cli.link import new_token
    from backend.web import links

    document = file.read()
    if document is None:
        raise OutsideError(f"The supervisor ended; see {file.log_of('supervisor')}.")
    urls = document["urls"]
    lines = [
        f"\nGlassbox runs: [bold]{urls['web']}[/]",
        f"Sign in by:    [bold]{links.address(new_token())}[/]",
        "               It works once, for an hour. Another one: glassbox link",
        f"The queue:     {urls['flower']}",
        f"Data and logs: {file.home}",
    ]
    if "gateway" in urls:
        lines.insert(4, f"Paper gateway: {urls['gateway']}  (simulated prices)")
    if (clock := settings().simulated_time) is not None:
        lines.append(
            f"Simulated time: {clock.now():%a %Y-%m-%d %H:%M} UTC, {clock.speed:g} times as fast"
        )
    for line in lines:
        console.print(line, soft_wrap=True)
