"""Shows an execution's steps in the terminal as they are recorded."""

import time

from rich.console import Console
from rich.markup import escape

from backend.core.database import transaction
from backend.core.errors import TemporaryError
from backend.executions import lineage, service
from backend.executions.models import Execution, LineageRecord, RecordStatus, Status
from backend.workflow.outcome import Outcome
from backend.workflow.plan import STEP_NAMES

PATIENCE_SECONDS = 180.0

MARKS = {
    RecordStatus.FINISHED: "[green]done[/]",
    RecordStatus.ENDED: "[cyan]ended[/]",
    RecordStatus.SKIPPED: "[dim]skipped[/]",
    RecordStatus.PARKED: "[yellow]parked[/]",
    RecordStatus.FAILED: "[red]failed[/]",
    RecordStatus.INTERRUPTED: "[yellow]lost[/]",
}
COLOURS = {Outcome.FAILED: "red", Outcome.BLOCKED: "yellow", Outcome.SKIPPED: "yellow"}


def follow(execution_id: int, console: Console) -> Execution:
    """
    Print each record as it comes, until the execution is finished, parked or waits for a person;
    returns it.

    Raises `TemporaryError` when nothing happens for three minutes.
    """
    shown, deadline = 0, time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with transaction() as session:
            execution = service.get(session, execution_id)
            records = lineage.read(session, execution)
        for record in records[shown:]:
            console.print(record_line(record))
            deadline = time.monotonic() + PATIENCE_SECONDS
        shown = len(records)
        if execution.status in (Status.FINISHED, Status.PARKED, Status.WAITING):
            console.print(ending(execution))
            return execution
        time.sleep(0.1)
    raise TemporaryError(
        f"Execution {execution_id} has not moved for {PATIENCE_SECONDS:.0f} s. See whether the"
        " worker runs: glassbox status, glassbox logs worker."
    )


def record_line(record: LineageRecord) -> str:
    number = STEP_NAMES.index(record.step) + 1
    again = f" [dim](attempt {record.attempt})[/]" if record.attempt > 1 else ""
    took = f"{record.seconds * 1000:6.0f} ms" if record.seconds else " " * 9
    why = f"  [dim]{escape(record.reason)}[/]" if record.reason and record.output is None else ""
    if record.status is RecordStatus.SKIPPED:
        why = ""
    return f"  {number:2d} {record.step:20s} {MARKS[record.status]:18s} {took}{again}{why}"


def ending(execution: Execution) -> str:
    if execution.status is Status.PARKED:
        return f"  Parked: {escape(execution.reason or '')} It goes on when the gateway is back."
    if execution.status is Status.WAITING:
        return f"  Waiting: {escape(execution.reason or '')} See the page Approvals."
    assert execution.outcome is not None
    simulated = " [yellow]Simulated prices and money.[/]" if execution.is_simulated else ""
    colour = COLOURS.get(execution.outcome, "green")
    reason = escape(execution.reason or "")
    return f"  [bold {colour}]{execution.outcome}[/] ({execution.reason_code}): {reason}{simulated}"
