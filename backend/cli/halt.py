import time
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from backend.core.database import DatabaseAway, transaction
from backend.core.errors import Conflict, InvalidInput, NotFound
from backend.core.settings import settings
from backend.portfolio import halt_progress, halts
from backend.portfolio.halt_progress import Progress
from backend.portfolio.models import Scope
from backend.risk import service as risk
from backend.trading.oversight import IN_WORDS, Meaning

Account = Annotated[str | None, typer.Option(help="Only this account; everything by default.")]
Strategy = Annotated[str | None, typer.Option(help="Only this strategy, by name or number.")]


LOOK_SECONDS = 1.0


def halt(
    account: Account = None,
    strategy: Strategy = None,
    reason: Annotated[str, typer.Option(help="Why; it is shown with every execution.")] = "",
    file: Annotated[
        bool, typer.Option("--file", help="By the file HALT, without asking the database.")
    ] = False,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Also cancel orders that would open or add.")
    ] = False,
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Also cancel every order and close every position.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before flattening.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Watch until the broker shows nothing left.")
    ] = False,
) -> None:
    """Stop new orders at once; without a database by the file HALT in GLASSBOX_HOME."""
    console = Console()
    meaning = _meaning(cancel=cancel, flatten=flatten)
    if meaning == "flatten" and not yes:
        typer.confirm(f"{IN_WORDS['flatten']} Go on?", abort=True)
    if file or not settings().database_url:
        return _by_file(console, account, strategy, reason, meaning)
    try:
        with transaction() as session:
            target = risk.target(session, account=account, strategy=strategy)
            row = halts.pull(
                session,
                settings().clock,
                scope=target.scope,
                target=target.target,
                meaning=meaning,
                reason=reason,
                actor="cli",
            )
    except DatabaseAway:
        return _by_file(console, account, strategy, reason, meaning)
    except Conflict as error:
        console.print(f"[yellow]{escape(error.message)}[/]")
        return
    console.print(f"[red]Halted:[/] {escape(target.name)}. {IN_WORDS[meaning]}")
    if meaning != "stop":
        console.print("The tracker carries it out; the page /risk shows how far it is.")
    console.print("Undo with: glassbox release")
    if wait and meaning != "stop":
        _watch(console, row.id)


def _watch(console: Console, halt_id: int) -> None:
    """Until all of it is verified, or a person is needed; who stops watching undoes nothing."""
    said: list[str] = []
    while True:
        with transaction() as session:
            found = halt_progress.read(session, halt_id)
        now = [line for each in found for line in _lines(each)]
        for line in now:
            if line not in said:
                console.print(escape(line))
        said = now
        if any(each.work.trouble for each in found):
            raise typer.Exit(1)
        if found and all(each.verified_at for each in found):
            console.print("[green]Verified at the broker:[/] nothing is left.")
            return
        time.sleep(LOOK_SECONDS)


def _lines(progress: Progress) -> list[str]:
    work, name = progress.work, progress.account
    gone = sum(each.gone_at is not None for each in work.cancelled)
    return [
        *(f"{name}: {each.symbol}: {each.outcome}" for each in progress.closings),
        *(f"{name}: left: {each}" for each in work.left),
        *(f"{name}: needs you: {each}" for each in work.trouble),
        f"{name}: {gone} of {len(work.cancelled)} orders cancelled.",
    ]


def _meaning(*, cancel: bool, flatten: bool) -> Meaning:
    if flatten:
        return "flatten"
    return "cancel" if cancel else "stop"


def release(
    account: Account = None,
    strategy: Strategy = None,
    confirm: Annotated[
        str | None, typer.Option(help="The words to type, for use without a terminal.")
    ] = None,
) -> None:
    """Let new orders out again, once you have typed what for."""
    console = Console()
    scope, target = _known_target(account, strategy)
    wanted = halts.confirmation(scope, target)
    halts.require_words(
        confirm if confirm is not None else typer.prompt(f"Type '{wanted}'"), wanted
    )
    was_by_file = scope == "all" and _remove_file(console)
    try:
        _release_row(scope, target, wanted)
    except (NotFound, DatabaseAway, InvalidInput) as error:
        if not was_by_file:
            raise
        if not isinstance(error, NotFound):
            console.print("The database was not asked: a switch that is pulled there stays so.")
    console.print(f"[green]Released:[/] {escape(halts.name_of(scope, target))}.")


def _release_row(scope: Scope, target: str, typed: str) -> None:
    settings().require("database_url")
    with transaction() as session:
        halts.release(
            session, settings().clock, scope=scope, target=target, typed=typed, actor="cli"
        )


def _by_file(
    console: Console, account: str | None, strategy: str | None, reason: str, meaning: Meaning
) -> None:
    if account or strategy:
        raise InvalidInput(
            "Without the database only everything can be halted: leave out --account and"
            " --strategy."
        )
    path = halts.file()
    halts.write_file(path, reason, meaning)
    console.print(
        f"[red]Halted:[/] everything, by the file {escape(str(path))}. Workers that share this"
        f" folder look at it before each execution. {_BY_FILE[meaning]}"
        "Undo with: glassbox release"
    )


_BY_FILE: dict[Meaning, str] = {
    "stop": "",
    "cancel": "A tracker that shares it cancels what would open or add, with or without the"
    " database. ",
    "flatten": "A tracker that shares it cancels what would open or add at once, and closes every"
    " position as soon as the database is there: until then close them in your broker's own app. ",
}


def _known_target(account: str | None, strategy: str | None) -> tuple[Scope, str]:
    if not account and not strategy:
        return "all", ""
    settings().require("database_url")
    with transaction() as session:
        found = risk.target(session, account=account, strategy=strategy)
    return found.scope, found.target


def _remove_file(console: Console) -> bool:
    """Whether there was one. Raises `InvalidInput` for one that cannot be removed."""
    path = halts.file()
    if halts.by_file(path) is None:
        return False
    try:
        path.unlink()
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be removed: {error.strerror}. Remove it by hand; while it is there,"
            " everything is halted."
        ) from error
    console.print(f"The file {escape(str(path))} is gone.")
    return True
