from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from backend import storage
from backend.cli.diff import show
from backend.cli.follow import follow
from backend.core import settings as process
from backend.core.database import transaction
from backend.core.errors import InvalidInput
from backend.executions.models import Status
from backend.executions.replays import comparing, sources
from backend.executions.replays import service as replay
from backend.executions.replays.changes import Wanted
from backend.workflow.outcome import Outcome


def replay_(
    execution_id: Annotated[int, typer.Argument(metavar="ID", min=1)],
    from_step: Annotated[
        str | None,
        typer.Option("--from", metavar="STEP", help="The first that the changes touch by default."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="PATH=VALUE", help="Such as prompts.chart=2 or signal.long_when=…"
        ),
    ] = None,
    prompt_files: Annotated[
        list[str] | None,
        typer.Option("--prompt-file", metavar="KIND=FILE", help="A new text for a prompt."),
    ] = None,
) -> None:
    """Run a past execution again on its record, changed or not; orders are never sent."""
    console = Console()
    texts = {kind: _text(path) for kind, path in _pairs(prompt_files, "--prompt-file")}
    with transaction() as session:
        source = sources.read(session, execution_id)
        made = replay.start(
            session,
            process.settings().clock,
            execution_id,
            Wanted(settings=source.settings(dict(_pairs(settings, "--set"))), prompt_texts=texts),
            from_step=from_step,
            requested_by="glassbox replay",
        )
    console.print(f"Execution {made.id}, a replay of {execution_id} from {made.replay_from}")
    ended = follow(made.id, console)
    if ended.status is Status.FINISHED:
        with transaction() as session:
            found = comparing.compared(session, storage.from_settings(), execution_id, made.id)
        show(found, console)
    if ended.outcome is Outcome.FAILED:
        raise typer.Exit(1)


def _pairs(given: list[str] | None, option: str) -> list[tuple[str, str]]:
    pairs = []
    for each in given or []:
        name, is_there, value = each.partition("=")
        if not is_there or not name:
            raise InvalidInput(f"{option} {each!r}: write a name, '=' and a value.")
        pairs.append((name, value))
    return pairs


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"--prompt-file: {path} cannot be read: {error}.") from None
