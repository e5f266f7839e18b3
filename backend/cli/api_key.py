from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backend.core.clock import SystemClock
from backend.core.database import transaction
from backend.web import keys
from backend.web.keys import ApiKey, Scope

app = typer.Typer(no_args_is_help=True, add_completion=False, help="API keys.")


@app.callback()
def _main() -> None:
    """API keys for programs."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; read and operate by default.")
    ] = None,
) -> None:
    """Make a key and print it, for the only time."""
    scopes = scope or [Scope.READ, Scope.OPERATE]
    with transaction() as session:
        key = keys.create(
            session, SystemClock(), name=name, scopes=[str(s) for s in scopes], author="cli"
        )
    typer.echo(key)


@app.command("list")
def list_keys() -> None:
    """Show every key: what it may do, when it was used last, until when it is good."""
    clock = SystemClock()
    with transaction() as session:
        rows = keys.list_all(session)
    table = Table("id", "name", "may", "made", "last used", "good until", box=None)
    for row in rows:
        table.add_row(
            str(row.id),
            escape(row.name),
            " ".join(row.scopes),
            _minute(row.created_at),
            _minute(row.last_used_at) or "never",
            _end(row, clock.now()),
        )
    Console(highlight=False).print(table if rows else "No keys yet.")


@app.command()
def revoke(number: Annotated[int, typer.Argument(help="Its id, as `list` shows it.")]) -> None:
    """From now on nobody gets in by this key."""
    with transaction() as session:
        row = keys.revoke(session, SystemClock(), number, author="cli")
        typer.echo(f"The key {row.name!r} opens nothing any more.")


def _end(row: ApiKey, now: datetime) -> str:
    if row.revoked_at is not None:
        return f"revoked {_minute(row.revoked_at)}"
    if not row.is_good(now):
        return f"expired {_minute(row.expires_at)}"
    return _minute(row.expires_at) or "it is revoked"


def _minute(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
