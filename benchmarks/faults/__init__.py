"""
`glassbox bench faults`: brackets through everything that can go wrong, and the broker's own books
held against ours afterwards. The goal is zeros.
"""

from rich.console import Console
from rich.table import Table

from benchmarks.faults import audit, loop, mishaps
from benchmarks.faults.loop import Report


def show(console: Console, *, count: int, seed: int, speed: float, keep: bool) -> bool:
    """
    Run the loop and print what came of it; whether everything was as it should be.

    A count of 0 is the matrix: each place at which an order's way can break, once.
    """
    drawn = mishaps.draw(count, seed=seed) if count else mishaps.matrix()
    name = str(seed) if count else "matrix"
    console.print(f"{len(drawn)} mishaps ({name}), the market {speed:g} times as fast")
    report = loop.run(drawn, name=name, speed=speed, tell=console.print, keep=keep)
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
