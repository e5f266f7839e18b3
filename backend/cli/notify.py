from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backend.core.database import transaction
from backend.core.errors import InvalidInput, NotFound, did_you_mean
from backend.core.settings import settings
from backend.notifications import channels
from backend.notifications.models import Channel, State

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Channels of notifications.")


@app.callback()
def _main() -> None:
    """Channels that tell people what happened; the page /notifications makes them."""


@app.command("list")
def list_channels() -> None:
    """Show every channel: where it leads, whether it is on, what it carries."""
    table = Table("id", "name", "kind", "host", "is", "tells about", box=None)
    for row in _channels():
        state = "on" if row.is_on else "off"
        events = ", ".join(row.events) or "nothing"
        table.add_row(str(row.id), escape(row.name), row.kind, row.host, state, events)
    Console(highlight=False).print(table if table.row_count else _NONE)


@app.command("test")
def send_tests(
    channel: Annotated[
        str | None, typer.Option(help="Only this one; every one that is on by default.")
    ] = None,
) -> None:
    """Send a test and show what each service answered; fails where one did not take it."""
    rows = _chosen(channel)
    failed = 0
    for row in rows:
        delivery = channels.send_test(settings().clock, row.id, actor="cli")
        is_sent = delivery.state is State.SENT
        failed += not is_sent
        typer.echo(f"{row.name}: {'sent' if is_sent else delivery.error}")
    if failed:
        raise typer.Exit(1)


_NONE = "No channel yet: the page /notifications makes one."


def _channels() -> list[Channel]:
    with transaction() as session:
        return channels.list_all(session)


def _chosen(name: str | None) -> list[Channel]:
    rows = _channels()
    if name is None:
        chosen = [row for row in rows if row.is_on]
        if not chosen:
            raise InvalidInput(_NONE if not rows else "Every channel is switched off.")
        return chosen
    chosen = [row for row in rows if row.name == name]
    if not chosen:
        hint = did_you_mean(name, [row.name for row in rows])
        raise NotFound(f"No channel is named {name!r}.{hint} See: glassbox notify list")
    return chosen
