"""`python -m benchmarks [name ...] [--json FILE]`: measures, and prints one table."""

import argparse
import importlib
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

NAMES = (
    "durability",
    "claiming",
    "queueing",
    "executions",
    "replay",
    "indicators",
    "risk",
    "charts",
    "matching",
    "placing_orders",
    "order_updates",
    "memory",
    "pages",
    "live_pages",
)
"""The modules; each has `run() -> list[dict]` and says in its docstring what it measures."""

_UNITS = ("us", "ms", "s", "kb", "mb")


def main() -> None:
    parser = argparse.ArgumentParser(prog="glassbox bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"some of {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every number there")
    _add_fault_options(parser)
    options = parser.parse_args()
    console = Console(highlight=False)
    if options.names == ["faults"]:
        sys.exit(0 if _faults(console, options) else 1)
    if unknown := set(options.names) - set(NAMES):
        parser.error(
            f"no benchmark is named {', '.join(sorted(unknown))}; choose of {NAMES},"
            " or faults alone"
        )
    found = {name: _measure(name, console) for name in options.names or NAMES}
    console.print(_table(found))
    if options.json is not None:
        options.json.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))


def _add_fault_options(parser: argparse.ArgumentParser) -> None:
    faults = parser.add_argument_group("faults", "no measurement: `bench faults` is a proof")
    faults.add_argument(
        "--count", type=int, default=200, help="how many; 0: each kind of break once"
    )
    faults.add_argument("--seed", type=int, default=20261127, help="which of all possible ones")
    faults.add_argument("--speed", type=float, default=30.0, help="of the market's time")
    faults.add_argument("--keep", action="store_true", help="keep all logs, also of a clean run")


def _faults(console: Console, options: argparse.Namespace) -> bool:
    # Only here: it imports everything that trades.
    from benchmarks import faults

    return faults.show(
        console,
        count=options.count,
        seed=options.seed,
        speed=options.speed,
        keep=options.keep,
    )


def _measure(name: str, console: Console) -> list[dict[str, Any]]:
    begun = perf_counter()
    with console.status(f"Measuring {name} ..."):
        rows: list[dict[str, Any]] = importlib.import_module(f"benchmarks.{name}").run()
    console.print(f"[green]✓[/] {name} measured in {perf_counter() - begun:.0f} s")
    return rows


def _table(found: dict[str, list[dict[str, Any]]]) -> Table:
    table = Table("", "ours", "limit or peer", "beside", "ratio", "goal", box=None)
    for name, rows in found.items():
        table.add_section()
        table.add_row(f"[bold]{name}[/]")
        for row in rows:
            table.add_row(*_cells(row))
    return table


def _cells(row: dict[str, Any]) -> list[str]:
    if "pss_mb" in row:
        details = f"USS {row['uss_mb']:,}, RSS {row['rss_mb']:,} MB"
        return [row["benchmark"], f"{row['pss_mb']:,} MB", "", details, "", ""]
    ratio, times = row.get("ratio"), row.get("goal")
    return [
        row["benchmark"],
        _quantity(row, "ours"),
        _quantity(row, "peer") or _quantity(row, "talib"),
        row.get("beside", ""),
        "" if ratio is None else f"{ratio:g}",
        f"{times:g} times" if times else _quantity(row, "goal"),
    ]


def _quantity(row: dict[str, Any], name: str) -> str:
    for unit in _UNITS:
        if f"{name}_{unit}" in row:
            return f"{row[f'{name}_{unit}']:,g} {unit}"
    return ""


if __name__ == "__main__":
    main()
