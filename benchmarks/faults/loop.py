"""Orders by the hundred through everything that can go wrong, and what the broker says then."""

import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic, sleep
from typing import Any

import httpx
from sqlalchemy import select

from backend.core.database import transaction
from backend.executions import dispatch
from backend.executions.models import Execution, Status, Trigger
from backend.strategies import service as strategies
from backend.strategies.models import Strategy
from benchmarks import stack
from benchmarks.faults import audit, house, story
from benchmarks.faults.audit import Findings
from benchmarks.faults.house import House
from benchmarks.faults.mishaps import Mishap

START = datetime(2026, 11, 20, 14, 40, tzinfo=UTC)
"""Ten minutes after New York opened."""
OPEN = timedelta(hours=5)
"""What of that day is for orders; then another house begins the same day."""
AT_A_TIME = 8
FINISH_SECONDS = 180.0
SETTLE_SECONDS = 120.0
SESSION_DOWN_SECONDS = 1.5


@dataclass
class Report:
    logs: Path
    """What the processes said; for whoever looks for the reason of a finding."""
    count: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    """By kind, how often it really struck."""
    deaths: int = 0
    outages: int = 0
    trips: int = 0
    findings: dict[str, int] = field(default_factory=lambda: dict.fromkeys(audit.KINDS, 0))
    sentences: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        return not any(self.findings.values())


def run(
    left: list[Mishap], *, name: str, speed: float, tell: Callable[[str], None], keep: bool = False
) -> Report:
    """
    Place a bracket for each mishap, a few at a time on one account.

    After each handful the faults end and everything gets a while to settle; what is wrong then is
    a finding, once. `speed` is how fast the market's time runs.
    """
    logs = Path(mkdtemp(prefix=f"glassbox-faults-{name}-", dir="/var/tmp"))
    report, begun = Report(logs=logs), monotonic()
    with stack.quiet_logs():
        while left:
            with house.running(START, speed, logs) as home:
                left = _day(home, left, report, tell)
    report.seconds = monotonic() - begun
    if report.is_clean and not keep:
        shutil.rmtree(logs)
    return report


def _day(
    home: House, left: list[Mishap], report: Report, tell: Callable[[str], None]
) -> list[Mishap]:
    """As many of them as one day of the market has time for; gives those that are left."""
    known = Findings()
    while left and home.clock.now() - START < OPEN:
        some, left = left[:AT_A_TIME], left[AT_A_TIME:]
        begun = monotonic()
        ids = _suffer(home, some, report)
        suffered = monotonic()
        found = _settle(home, ids, known)
        _note(report, some, found, known, tell)
        known = found
        tell(f"      {suffered - begun:.0f} s, then settled in {monotonic() - suffered:.0f} s")
    (report.logs / "orders.txt").open("a").write("\n".join(story.tell()) + "\n")
    report.deaths += home.deaths
    report.trips += _trips(home)
    return left


def _suffer(home: House, some: list[Mishap], report: Report) -> list[int]:
    """Start one execution per mishap, let everything happen, and wait for their ends."""
    for mishap in some:
        for fault in mishap.faults:
            home.control.add_fault(**fault)
        home.condemn("tracker", mishap.tracker_death)
    ids = [_start(home, mishap) for mishap in some]
    outages = sorted((each for each in some if each.outage), key=lambda each: each.after)
    begun = monotonic()
    while monotonic() < begun + FINISH_SECONDS and (outages or not _are_finished(ids)):
        # In this thread: a child that must not outlive us dies with the thread that made it.
        if outages and monotonic() > begun + outages[0].after:
            _break_down(home, outages.pop(0), report)
        _log_in_again(home)
        sleep(0.1)
    report.faults += _struck(home)
    home.control.clear_faults()
    home.pardon()
    return ids


def _start(home: House, mishap: Mishap) -> int:
    document = {
        "name": f"Mishap {mishap.number}",
        "symbols": [mishap.symbol],
        "mode": "trade",
        "schedule": {"when": "30 minutes before NYSE close"},
        "charts": [{"timeframe": "1d", "bars": 60, "indicators": ["sma_20", "atr_14"]}],
        "signal": {"source": "rules", "long_when": "close > 0", "targets": [1.5, 3]},
        "risk": {"sizing": "quantity", "fixed_quantity": 10},
        "orders": mishap.order,
    }
    strategy = stack.save(home.clock, document)
    with transaction() as session:
        (execution_id,) = dispatch.start(
            session,
            home.clock,
            strategies.get(session, strategy.id),
            symbols=None,
            trigger=Trigger.CLI,
            requested_by="benchmark",
        )
    # Long before it comes to place its orders.
    home.condemn(execution_id, mishap.death)
    return execution_id


def _break_down(home: House, mishap: Mishap, report: Report) -> None:
    report.outages += 1
    if mishap.outage == "kill":
        # What was set to go wrong goes with the process.
        report.faults += _struck(home)
        home.kill_gateway()
    else:
        home.control.restart()


def _log_in_again(home: House) -> None:
    """What a person does, and a competitor who goes away."""
    with suppress(httpx.HTTPError):
        state = home.control.state()["session"]["state"]
        if state in ("logged_out", "sso_expired", "competing"):
            sleep(SESSION_DOWN_SECONDS)
            home.control.session("ready")


def _are_finished(ids: list[int]) -> bool:
    query = select(Execution.id).where(Execution.id.in_(ids), Execution.status != Status.FINISHED)
    with transaction() as session:
        return session.scalar(query.limit(1)) is None


def _struck(home: House) -> Counter[str]:
    return Counter({each["kind"]: each["fired"] for each in home.control.faults()})


def _settle(home: House, ids: list[int], known: Findings) -> Findings:
    """What is still wrong once nothing goes wrong any more."""
    deadline = monotonic() + SETTLE_SECONDS
    while True:
        _log_in_again(home)
        found = audit.audit(home.control.books(), ids)
        is_new = set(found.sentences()) - set(known.sentences())
        if not is_new or monotonic() > deadline:
            return found
        sleep(0.5)


def _note(
    report: Report,
    some: list[Mishap],
    found: Findings,
    known: Findings,
    tell: Callable[[str], None],
) -> None:
    report.count += len(some)
    new = [each for each in found.sentences() if each not in set(known.sentences())]
    for sentence in new:
        report.findings[sentence.partition(":")[0]] += 1
    report.sentences += new
    for mishap in some:
        outcome = _outcome(mishap)
        report.outcomes[outcome] += 1
        tell(f"{mishap.number:>4}  {mishap.symbol:<6} {outcome:<28} {mishap.sentence}")
    for sentence in new:
        tell(f"      [red]{sentence}[/]")


def _outcome(mishap: Mishap) -> str:
    query = (
        select(Execution)
        .join(Strategy, Strategy.id == Execution.strategy_id)
        .where(Strategy.name == f"Mishap {mishap.number}")
    )
    with transaction() as session:
        execution = session.scalars(query).one()
        return f"{execution.outcome or execution.status}: {execution.reason_code or ''}"


def _trips(home: House) -> int:
    rows: list[dict[str, Any]] = home.control.books()["orders"]
    return sum("parentId" not in row and row["filledQuantity"] > 0 for row in rows)
