from difflib import unified_diff
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from backend import storage
from backend.core.database import transaction
from backend.executions.replays import comparing
from backend.executions.replays.comparison import Comparison, FactChange, State, StepComparison

MARKS = {
    State.SAME: "[dim]same[/]",
    State.CHANGED: "[yellow]changed[/]",
    State.ONLY_FIRST: "[red]only first[/]",
    State.ONLY_SECOND: "[green]only second[/]",
    State.WITHHELD: "[dim]not in a replay[/]",
    State.WAITING: "[dim]waiting[/]",
    State.NEITHER: "[dim]not run[/]",
}
LONGEST = 160
"""Characters of a value in the terminal; `--json` has them whole."""
COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def diff(
    first: Annotated[int, typer.Argument(metavar="A", min=1)],
    second: Annotated[int, typer.Argument(metavar="B", min=1)],
    json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Two executions side by side: facts, prompts, answers and signal, step by step."""
    with transaction() as session:
        found = comparing.compared(session, storage.from_settings(), first, second)
    if json:
        from backend.executions.replays.api import comparison_out

        typer.echo(comparison_out(found).model_dump_json())
        return
    show(found, Console())


def show(found: Comparison, console: Console) -> None:
    names = [f"execution {side.execution.id}" for side in (found.first, found.second)]
    console.print(f"\n[bold]{names[0]} against {names[1]}[/]")
    if found.asked:
        console.print(_facts(found.asked, "asked for", names))
    for step in found.steps:
        console.print(f"  {step.number:2d} {step.step:20s} {MARKS[step.state]}")
        if not step.is_same:
            _show(step, names, console)
    console.print(f"[bold]{escape(found.sentence)}[/]")


def _show(step: StepComparison, names: list[str], console: Console) -> None:
    facts = [fact for fact in step.facts if not fact.is_incidental]
    if facts:
        console.print(_facts(facts, "fact", names))
    for talk in step.talks:
        for what, one, other in talk.differing:
            title = f"{talk.title} {what}, "
            lines = unified_diff(
                one.splitlines(),
                other.splitlines(),
                title + names[0],
                title + names[1],
                lineterm="",
                n=1,
            )
            for line in lines:
                console.print(Text(f"     {line}", style=COLOURS.get(line[:1], "")))


def _facts(facts: list[FactChange], what: str, names: list[str]) -> Table:
    table = Table(what, *names, "difference", box=None, pad_edge=False, padding=(0, 2, 0, 5))
    for fact in facts:
        table.add_row(
            Text(fact.path),
            Text(_value(fact.first, fact.is_missing[0])),
            Text(_value(fact.second, fact.is_missing[1])),
            _difference(fact),
        )
    return table


def _value(value: object, is_missing: bool) -> str:
    if is_missing:
        return "-"
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"


def _difference(fact: FactChange) -> str:
    if fact.difference is None:
        return ""
    share = "" if fact.ratio is None else f" ({fact.ratio:+.2%})"
    return f"{fact.difference.normalize():+f}{share}"
