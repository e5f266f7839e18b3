from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import select

from backend.core.clock import SystemClock
from backend.core.database import transaction
from backend.web import leaving, people, sessions
from backend.web.people import Person

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Who may sign in.")


@app.callback()
def _main() -> None:
    """Persons who may sign in; `glassbox link NAME --new` makes one."""


@app.command("list")
def list_people() -> None:
    """Show every person: since when, how they sign in, in how many browsers they are."""
    clock = SystemClock()
    table = Table("name", "since", "signs in by", "sessions", box=None)
    with transaction() as session:
        rows = session.scalars(select(Person).order_by(Person.name)).all()
        for row in rows:
            by = "link or password" if row.password_hash else "link"
            going_on = len(sessions.alive(session, clock, row))
            since = f"{row.created_at:%Y-%m-%d %H:%M} UTC"
            table.add_row(escape(row.name), since, by, str(going_on))
    Console(highlight=False).print(table if rows else "Nobody yet: ./glassbox link makes one.")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="Whose sessions, links and keys end.")],
    yes: Annotated[bool, typer.Option("--yes", help="Without asking.")] = False,
) -> None:
    """End a person's sessions and links, and revoke the keys that the person made."""
    with transaction() as session:
        people.get(session, name)
    if not yes:
        typer.confirm(
            f"Remove {name}? Sessions and keys end at once; what {name} did stays on record.",
            abort=True,
        )
    with transaction() as session:
        left = leaving.remove(session, SystemClock(), name, actor="cli")
    keys = ", ".join(left.keys) or "none"
    typer.echo(f"{name} is removed. Sessions ended: {left.sessions}. Keys revoked: {keys}.")
