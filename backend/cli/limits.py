from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from backend.core.database import transaction
from backend.core.errors import InvalidInput
from backend.core.settings import settings
from backend.portfolio import limits
from backend.risk import limits_text
from backend.risk import service as risk
from backend.trading.limits import Limits

app = typer.Typer(add_completion=False, help="Limits above the strategies.")

Account = Annotated[
    str | None, typer.Option(help="The limits of this account; those of everything by default.")
]


@app.callback(invoke_without_command=True)
def _show(context: typer.Context) -> None:
    """Limits for everything and for accounts; without a command they are shown."""
    if context.invoked_subcommand is not None:
        return
    table = Table("limit", "everything", box=None)
    with transaction() as session:
        accounts = limits.accounts(session)
        found = [limits.read(session, each) for each in (limits.EVERYTHING, *accounts)]
    for account in accounts:
        table.add_column(account)
    for name in limits_text.fields():
        values = [_shown(each, name) for each in found]
        if any(values):
            table.add_row(name, *values)
    console = Console()
    console.print(table if table.row_count else "No limit is set above the strategies.")
    if not table.row_count:
        console.print("Set one with: glassbox limits set max_order_value=10000")


@app.command("set")
def set_limits(
    assignments: Annotated[list[str], typer.Argument(metavar="NAME=VALUE", help="What to set.")],
    account: Account = None,
) -> None:
    """Set limits; those that are not named stay as they are."""
    texts = {}
    for each in assignments:
        name, separator, value = each.partition("=")
        if not separator or not value.strip():
            raise InvalidInput(f"{each!r} sets nothing. Write NAME=VALUE.", field=name)
        texts[name.strip()] = value
    _change(account, texts)


@app.command("clear")
def clear_limits(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="What to take off.")],
    account: Account = None,
) -> None:
    """Take limits off."""
    for name in names:
        if name not in limits_text.fields():
            limits.checked({name: None})
    _change(account, dict.fromkeys(names, ""))


def _change(account: str | None, texts: dict[str, str]) -> None:
    with transaction() as session:
        whose = risk.known_account(session, account) if account else limits.EVERYTHING
        before = limits.read(session, whose)
        after = limits.checked(limits_text.to_document({**limits_text.to_texts(before), **texts}))
        limits.save(session, settings().clock, account=whose, limits=after, actor="cli")
    console = Console()
    for name in texts:
        was, now = (_shown(each, name) or "none" for each in (before, after))
        console.print(f"{name} of {limits.subject(whose)}: {was} became {now}.", markup=False)


def _shown(each: Limits, name: str) -> str:
    value = getattr(each, name)
    return "" if value in (None, False, ()) else limits_text.shown(name, value)
