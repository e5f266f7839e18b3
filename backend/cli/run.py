from typing import Annotated

import typer
from rich.console import Console

from backend.cli.follow import follow
from backend.core.database import transaction
from backend.core.settings import settings
from backend.executions import dispatch
from backend.executions.models import Trigger
from backend.strategies import service
from backend.workflow.outcome import Outcome


def run(
    strategy: Annotated[str, typer.Argument(help="Name or number of the strategy.")],
    symbol: Annotated[
        list[str] | None, typer.Option("--symbol", help="One of its symbols; all by default.")
    ] = None,
) -> None:
    """Run a strategy now and show its steps as they finish."""
    console = Console()
    with transaction() as session:
        found, clock = service.find(session, strategy), settings().clock
        ids = dispatch.start(
            session,
            clock,
            found,
            symbols=symbol,
            trigger=Trigger.CLI,
            requested_by="glassbox run",
        )
        dispatch.note_start(session, clock, found, ids, actor="cli")
    outcomes = []
    for execution_id in ids:
        console.print(f"Execution {execution_id}")
        outcomes.append(follow(execution_id, console).outcome)
    if Outcome.FAILED in outcomes:
        raise typer.Exit(1)
