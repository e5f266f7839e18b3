from typing import Annotated

import typer
from rich.console import Console

from backend.cli.follow import ending, record_line
from backend.core.database import transaction
from backend.executions import lineage as records_of
from backend.executions import service
from backend.executions.api import RecordOut


def lineage(
    execution_id: Annotated[int, typer.Argument(metavar="ID", min=1)],
    json: Annotated[bool, typer.Option("--json", help="Every record, whole, as JSON.")] = False,
) -> None:
    """The recorded steps of an execution."""
    console = Console()
    with transaction() as session:
        execution = service.get(session, execution_id)
        records = records_of.read(session, execution)
    if json:
        documents = (RecordOut.model_validate(record).model_dump_json() for record in records)
        typer.echo(f"[{','.join(documents)}]")
        return
    for record in records:
        console.print(record_line(record))
    if execution.outcome is not None:
        console.print(ending(execution))
