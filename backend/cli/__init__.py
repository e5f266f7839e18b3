"""
The command line. Each command is a function in a module of its own, imported when it is used:
`glassbox status` must not wait for pandas.
"""

import importlib
from typing import Any

import typer
import typer.core
import typer.main

from backend.cli.connect import join_running_stack
from backend.core.errors import InvalidInput, UnknownName, did_you_mean
from backend.core.settings import settings

COMMANDS = {
    "up": "backend.cli.up:up",
    "down": "backend.cli.stack:down",
    "status": "backend.cli.stack:status",
    "logs": "backend.cli.logs:logs",
    "doctor": "backend.cli.doctor:doctor",
    "run": "backend.cli.run:run",
    "strategy": "backend.cli.strategy:app",
    "executions": "backend.cli.executions:executions",
    "orders": "backend.cli.orders:orders",
    "lineage": "backend.cli.lineage:lineage",
    "verify": "backend.cli.verify:verify",
    "link": "backend.cli.link:link",
    "password": "backend.cli.password:password",
    "person": "backend.cli.person:app",
    "replay": "backend.cli.replay:replay_",
    "diff": "backend.cli.diff:diff",
    "halt": "backend.cli.halt:halt",
    "release": "backend.cli.halt:release",
    "limits": "backend.cli.limits:app",
    "api-key": "backend.cli.api_key:app",
    "notify": "backend.cli.notify:app",
    "gateway": "backend.cli.gateway:gateway",
    "test": "backend.cli.tests:test",
    "bench": "backend.cli.bench:bench",
    "attend": "backend.cli.up:attend",
}
"""Command name to `module:function`, or `module:app` for a Typer app with commands of its own."""

PASSES_ARGUMENTS_ON = {"test", "bench"}
"""Commands whose arguments belong to another program."""

STANDS_ALONE = {"up", "attend", "gateway", "test"}
"""Commands that must not be led to the running stack's database."""

NEEDS_DATABASE = {
    *("run", "strategy", "executions", "orders", "lineage", "verify", "replay", "diff"),
    *("limits", "link", "password", "person", "api-key", "notify"),
}


class _LazyGroup(typer.core.TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            hint = did_you_mean(cmd_name, COMMANDS)
            raise UnknownName(f"No command is named {cmd_name!r}.{hint} See: glassbox --help")
        return _load(cmd_name)


def _load(name: str) -> Any:
    module, _, attribute = COMMANDS[name].partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if isinstance(found, typer.Typer):
        command = typer.main.get_command(found)
    else:
        single = typer.Typer(add_completion=False)
        passes_on = {"allow_extra_args": True, "ignore_unknown_options": True}
        single.command(
            name,
            hidden=name == "attend",
            context_settings=passes_on if name in PASSES_ARGUMENTS_ON else None,
        )(found)
        command = typer.main.get_command(single)
    command.name = name
    return command


app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Glassbox: every step of every decision an AI makes with your money, recorded.",
)


@app.callback()
def _main(context: typer.Context) -> None:
    """Glassbox: every step of every decision an AI makes with your money, recorded."""
    command = context.invoked_subcommand
    if command in STANDS_ALONE:
        return
    is_running = join_running_stack()
    if command in NEEDS_DATABASE and not is_running and not settings().database_url:
        raise InvalidInput(
            "No Glassbox runs on this machine. Start it with ./glassbox up, or name its database"
            " in DATABASE_URL.",
            code="not_running",
        )
