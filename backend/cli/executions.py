from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from backend.core.database import transaction
from backend.executions import service


def executions(
    symbol: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
) -> None:
    """The newest executions."""
    with transaction() as session:
        rows = service.find(session, service.Filters(symbol=symbol), limit)
    table = Table(box=None, pad_edge=False)
    for name, width in (("id", 4), ("symbol", 16), ("due (UTC)", 11), ("outcome", 8)):
        table.add_column(name, no_wrap=True, min_width=width)
    for name in ("strategy", "reason"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for execution, name in rows:
        table.add_row(
            str(execution.id),
            f"{execution.symbol}{' (simulated)' if execution.is_simulated else ''}",
            f"{execution.due_at:%m-%d %H:%M}",
            execution.outcome or execution.status,
            name,
            execution.reason or "",
        )
    Console().print(table if rows else "No executions yet. Start one: glassbox run STRATEGY")
