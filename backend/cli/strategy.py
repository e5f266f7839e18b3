import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from backend.core.database import transaction
from backend.core.errors import InvalidInput
from backend.core.settings import settings
from backend.strategies import changes, service, yaml_text
from backend.strategies.models import Strategy

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Strategies as files.")

Name = Annotated[str, typer.Argument(help="Name or number of the strategy.")]
Version = Annotated[int | None, typer.Option(min=1, help="Which version; the newest by default.")]


@app.callback()
def _main() -> None:
    """Strategies: listed, written to files and read from them, compared and brought back."""


@app.command("list")
def list_() -> None:
    """Every strategy with its number, version and next due time."""
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "version", "schedule", "next due (UTC)", "name"):
        table.add_column(heading, no_wrap=True)
    with transaction() as session:
        strategies = service.list_all(session)
    for each in strategies:
        due = f"{each.next_due_at:%Y-%m-%d %H:%M}" if each.next_due_at else "-"
        state = "on" if each.is_enabled else "off"
        table.add_row(str(each.id), str(each.version_number), state, due, each.name)
    empty = "No strategies yet. Make one on the page, or: glassbox strategy import FILE"
    Console().print(table if strategies else empty)


@app.command()
def export(strategy: Name, version: Version = None) -> None:
    """Print a version as YAML."""
    with transaction() as session:
        found = service.find(session, strategy)
        chosen = service.version(found, version or found.version_number)
    typer.echo(changes.as_yaml(chosen.definition), nl=False)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A YAML file; - reads what is piped in.")],
    into: Annotated[
        str | None, typer.Option(help="Save it as the next version of this strategy instead.")
    ] = None,
) -> None:
    """Save a definition from a YAML file: as a new strategy, switched off, or as a version."""
    document = yaml_text.read(_read(file))
    with transaction() as session:
        saved = _save(session, document, into)
    typer.echo(f"Saved {saved.name!r}: strategy {saved.id}, version {saved.version_number}.")


@app.command()
def duplicate(strategy: Name) -> None:
    """Make a copy, switched off, under the next free name."""
    with transaction() as session:
        found = service.find(session, strategy)
        copied = service.duplicate(session, settings().clock, found, author="cli")
    typer.echo(f"Made {copied.name!r}: strategy {copied.id}.")


@app.command()
def diff(
    strategy: Name,
    a: Annotated[int | None, typer.Option("--from", min=1, help="The older version.")] = None,
    b: Annotated[int | None, typer.Option("--to", min=1, help="The newer version.")] = None,
) -> None:
    """What differs between two versions; between the last two by default."""
    with transaction() as session:
        found = service.find(session, strategy)
        newer = service.version(found, b or found.version_number)
        older = service.version(found, a or max(newer.number - 1, 1))
    changed = changes.changed_fields(older.definition, newer.definition)
    for each in changed:
        typer.echo(f"{each.path}: {each.before} -> {each.after}")
    if not changed:
        typer.echo(f"Versions {older.number} and {newer.number} say the same.")


@app.command()
def restore(
    strategy: Name, version: Annotated[int, typer.Argument(min=1, help="Which one to bring back.")]
) -> None:
    """Save an earlier version once more, as the newest."""
    with transaction() as session:
        found = service.find(session, strategy)
        added = service.restore(session, settings().clock, found, number=version, author="cli")
    typer.echo(f"Version {version} is back, as version {added.number}.")


def _save(session: Session, document: object, into: str | None) -> Strategy:
    if into is None:
        return service.create(session, settings().clock, document=document, author="cli")
    strategy = service.find(session, into)
    service.update(session, settings().clock, strategy, document=document, author="cli")
    return strategy


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}.", field="file") from None
