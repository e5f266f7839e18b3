"""Runs one execution from the first step that is not done, and keeps every result."""

import os
import socket
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import Any, NoReturn

from structlog.contextvars import bound_contextvars

from backend.core import events
from backend.core.database import DatabaseAway, statements, transaction
from backend.core.logging import get_logger
from backend.core.version import code_version
from backend.executions import leases, lineage, service
from backend.executions.facts import FirstFacts
from backend.executions.leases import Lease
from backend.executions.lineage import Chain, Entry, Progress
from backend.executions.models import Execution, LineageRecord, RecordStatus, Status
from backend.executions.replays import replaying, sources
from backend.workflow import engine
from backend.workflow.engine import StepResult, StepStatus
from backend.workflow.outcome import Ends, Outcome, too_late
from backend.workflow.plan import Plan, live_plan
from backend.workflow.steps import Step, Tools
from backend.workflow.steps.base import StepData, Touches

logger = get_logger(__name__)

DATABASE_PATIENCE_SECONDS = 120.0
MOST_LOST_ATTEMPTS = 5
DONE = {RecordStatus.FINISHED, RecordStatus.SKIPPED}


@dataclass(kw_only=True)
class Claim:
    """An execution that this worker holds: what is left to do, and what is known already."""

    chain: Chain
    tools: Tools
    """Those of the worker, or for a replay what its source recorded in their place."""
    left: list[Step]
    facts: dict[str, Any]
    is_replay: bool
    attempts: dict[str, int]
    """Step -> how many attempts at it are on record."""


class StrategyExecutor:
    """One per worker process; `run` may be called from many threads at a time."""

    def __init__(self, tools: Tools, plan: Plan | None = None) -> None:
        self.tools = tools
        self.plan = plan or live_plan()
        self._first_facts = FirstFacts()
        self._keeper = leases.Keeper()

    def run(self, execution_id: int) -> Outcome | None:
        """
        Take the lease and do what is left.

        Returns None when there was nothing to take, or when the execution is parked or waits for
        an answer. Raises what a step did not foresee, once the failure is on record.
        """
        lease = leases.take(execution_id, first_step=self.plan.names[0], now=self.tools.clock.now())
        if lease is None:
            return None
        events.publish(service.subject(execution_id))
        with bound_contextvars(execution=execution_id), self._keeper.holding(lease.chain):
            result = self._run_and_keep(self._claim(lease))
        if result.bug is not None:
            raise result.bug
        return result.outcome

    def _run_and_keep(self, claim: Claim) -> StepResult:
        """Every result is committed before the next step starts; the last one with the skipped."""
        for result in engine.run(claim.left, claim.facts, claim.tools, clock=self.tools.clock):
            skipped = []
            if result.outcome is not None:
                after = self.plan.after(result.step)
                skipped = [engine.skipped(name, result) for name in after]
            entries = [self._entry(claim, each) for each in (result, *skipped)]
            claim.chain = _keep(claim.chain, entries, self._progress(claim, result))
            logger.debug("step_recorded", step=result.step, status=result.status, code=result.code)
        logger.info("execution_ran", step=result.step, code=result.code, outcome=result.outcome)
        return result

    def _claim(self, lease: Lease) -> Claim:
        claim = Claim(
            chain=lease.chain,
            tools=self.tools,
            left=list(self.plan.steps),
            facts=self._first_facts.of(lease),
            is_replay=lease.replay_of is not None,
            attempts=dict.fromkeys(self.plan.names, 0),
        )
        if lease.replay_of is not None:
            self._go_back(claim, lease, lease.replay_of)
        if lease.chain.record_count or lease.lost_step:
            self._resume(claim, lease)
        return claim

    def _go_back(self, claim: Claim, lease: Lease, replay_of: int) -> None:
        """The record of the source in place of the world, and its trigger among the facts."""
        with transaction() as session:
            source = sources.read(session, replay_of)
        claim.facts = self._first_facts.of(replace(lease, trigger=source.lived.trigger))
        claim.tools = replaying.tools(self.tools, source, claim.facts)
        claim.left = replaying.steps(self.plan.steps, source)

    def _resume(self, claim: Claim, lease: Lease) -> None:
        """Rebuild the facts from the records, and go on at the first step that is not done."""
        with transaction() as session:
            execution = session.get_one(Execution, lease.chain.execution_id)
            records = lineage.read(session, execution)
        done = {record.step for record in records if record.status in DONE}
        claim.left = [step for step in claim.left if step.name not in done]
        for record in records:
            claim.attempts[record.step] += 1
            if record.status in DONE:
                claim.facts |= record.output or {}
        if lease.lost_step:
            self._record_interruption(claim, lease, lease.lost_step)
            self._give_up_deadly(claim, records)
        elif records[-1].status is RecordStatus.PARKED and self._goes_by_its_time(claim):
            self._give_up_late(claim, lease)

    def _goes_by_its_time(self, claim: Claim) -> bool:
        """From the first step on that places orders, the steps themselves know what is too late."""
        begun = self.plan.names[: self.plan.names.index(claim.left[0].name) + 1]
        steps = [step for step in self.plan.steps if step.name in begun]
        return not claim.is_replay and all(step.touches is not Touches.ORDERS for step in steps)

    def _give_up_late(self, claim: Claim, lease: Lease) -> None:
        """A session that came back too late: the execution ends where it was parked."""
        run_before = datetime.fromisoformat(claim.facts["run_before"])
        if self.tools.clock.now() > run_before:
            claim.left = [replace(claim.left[0], run=partial(_refuse_late, lease.due_at))]

    def _give_up_deadly(self, claim: Claim, records: list[LineageRecord]) -> None:
        """A step that takes its worker down each time must not do so for ever."""
        step = claim.left[0]
        lost = [each for each in records if each.status is RecordStatus.INTERRUPTED]
        if 1 + sum(each.step == step.name for each in lost) >= MOST_LOST_ATTEMPTS:
            claim.left = [replace(step, run=_refuse_deadly)]

    def _record_interruption(self, claim: Claim, lease: Lease, step: str) -> None:
        """The worker before us died inside a step: its lost attempt gets a record of its own."""
        now = self.tools.clock.now()
        started_at = lease.lost_step_started_at or now
        entry = Entry(
            step=step,
            attempt=lease.lost_attempt,
            status=RecordStatus.INTERRUPTED,
            reason_code="worker_lost",
            reason="The worker fell silent before it could record a result; the step runs again.",
            started_at=started_at,
            recorded_at=now,
            seconds=max(0.0, (now - started_at).total_seconds()),
            actor=actor(is_replay=claim.is_replay),
            code_version=code_version(),
        )
        progress = Progress(next_step=step, next_attempt=lease.lost_attempt + 1)
        claim.chain = _keep(claim.chain, [entry], progress)
        claim.attempts[step] += 1

    def _entry(self, claim: Claim, result: StepResult) -> Entry:
        return Entry(
            step=result.step,
            attempt=claim.attempts[result.step] + 1,
            status=RecordStatus(result.status.value),
            outcome=result.outcome,
            reason_code=result.code,
            reason=result.sentence,
            input=result.input,
            output=result.output,
            artifacts=result.notes.artifacts,
            notes=result.notes.lines,
            tokens=result.notes.tokens,
            cost_usd=result.notes.cost_usd,
            started_at=result.started_at,
            recorded_at=self.tools.clock.now(),
            seconds=result.seconds,
            actor=actor(is_replay=claim.is_replay),
            code_version=code_version(),
        )

    def _progress(self, claim: Claim, result: StepResult) -> Progress:
        if result.status is StepStatus.PARKED:
            return Progress(
                status=Status.WAITING if result.waits_until else Status.PARKED,
                wake_at=result.waits_until,
                reason_code=result.code,
                reason=result.sentence,
                next_step=result.step,
                next_attempt=claim.attempts[result.step] + 2,
            )
        for_lists = lineage.for_lists(result.output)
        if result.outcome is not None:
            return Progress(
                status=Status.FINISHED,
                outcome=result.outcome,
                reason_code=result.code,
                reason=result.sentence,
                **for_lists,
            )
        left = [step.name for step in claim.left]
        following = left[left.index(result.step) + 1]
        return Progress(next_step=following, next_attempt=1, **for_lists)


def _refuse_late(due_at: datetime, _input: StepData, tools: Tools) -> NoReturn:
    raise too_late(due_at, tools.clock.now())


def _refuse_deadly(_input: StepData, _tools: Tools) -> NoReturn:
    raise Ends(
        Outcome.FAILED,
        "worker_lost",
        f"{MOST_LOST_ATTEMPTS} workers were lost inside this step, so no other one is put at risk."
        " Their logs, and the machine's memory, may tell why.",
    )


def _keep(chain: Chain, entries: list[Entry], progress: Progress) -> Chain:
    """Commit, waiting for a database that is away; the append's fences make trying again safe."""
    deadline = time.monotonic() + DATABASE_PATIENCE_SECONDS
    while True:
        try:
            with statements() as connection:
                longer = lineage.append(connection, chain, entries, progress)
        except DatabaseAway as error:
            if time.monotonic() > deadline:
                raise
            logger.warning("database_away", execution=chain.execution_id, why=error.message)
            time.sleep(1)
        else:
            events.publish(service.subject(chain.execution_id))
            return longer


@cache
def _machine() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def actor(*, is_replay: bool = False) -> str:
    """Who writes a record: host, process and thread, and whether the world was met."""
    part = "replay" if is_replay else "worker"
    return f"{part}:{_machine()}:{threading.current_thread().name}"
