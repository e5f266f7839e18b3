from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from backend import storage
from backend.core.database import transaction
from backend.executions import service
from backend.executions import verify as chain


def verify(
    execution_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, help="One execution; all by default.")
    ] = None,
) -> None:
    """Recompute hash chains and artifacts; names the first break, and exits 1 if there is one."""
    console, place = Console(), storage.from_settings()
    with transaction() as session:
        ids = [execution_id] if execution_id else chain.execution_ids(session)
    broken = 0
    for each in ids:
        with transaction() as session:
            report = chain.verify(session, place, service.get(session, each))
        broken += not report.is_intact
        if not report.is_intact or execution_id:
            colour = "green" if report.is_intact else "red"
            console.print(f"[{colour}]Execution {each}: {escape(report.sentence)}[/]")
    if not execution_id:
        console.print(f"{len(ids)} executions checked, {broken} broken.")
    if broken:
        raise typer.Exit(1)
