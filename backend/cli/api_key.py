from typing import Annotated

import typer

from backend.core.clock import SystemClock
from backend.core.database import transaction
from backend.web import keys
from backend.web.keys import Scope

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
