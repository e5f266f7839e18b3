"""
`glassbox bench faults`: brackets through everything that can go wrong, and the broker's own books
held against ours afterwards. The goal is zeros.
"""

from rich.console import Console
from rich.table import Table

from benchmarks.faults import audit, loop
from benchmarks.faults.loop import Report


def show(console: Console, *, count: int, seed: int, speed: float) -> bool:
    """Run the loop and print what came of it; whether everything was as it should be."""
    console.print(f"{count} mishaps of seed {seed}, the market {speed:g} times as fast")
    report = loop.run(count, seed=seed, speed=speed, tell=console.print)
    console.print(_findings(report))
    console.print(
        f"{report.count} executions, {report.trips} positions opened, {report.deaths} processes"
        f" killed, {report.outages} outages of the gateway, {report.seconds:,.0f} s"
    )
    for title, counted in (("struck", report.faults), ("ended", report.outcomes)):
        told = ", ".join(f"{name} {number}" for name, number in counted.most_common() if number)
        console.print(f"{title}: {told}")
    return report.is_clean


def _findings(report: Report) -> Table:
    table = Table("", "found", "goal", "what it means", box=None)
    for kind, meaning in audit.KINDS.items():
        found = report.findings[kind]
        table.add_row(kind, f"[red]{found}[/]" if found else "[green]0[/]", "0", meaning)
    return table
