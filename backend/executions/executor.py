"""Runs one execution from the first step that is not done, and keeps every result."""

import os
import socket
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from backend.core.database import transaction
from backend.core.logging import get_logger
from backend.core.version import code_version
from backend.executions import artifacts, leases, lineage
from backend.executions.facts import facts_at_start
from backend.executions.lineage import Chain, Entry, Progress
from backend.executions.models import Execution, LineageRecord, RecordStatus, Status
from backend.workflow import engine
from backend.workflow.engine import StepResult, StepStatus
from backend.workflow.outcome import Outcome
from backend.workflow.plan import Plan, live_plan
from backend.workflow.steps import Step, Tools

logger = get_logger(__name__)

DATABASE_PATIENCE_SECONDS = 120.0
DONE = {RecordStatus.FINISHED, RecordStatus.SKIPPED}


@dataclass(kw_only=True)
class Claim:
    """An execution that this worker holds: what is left to do, and what is known already."""

    chain: Chain
    left: list[Step]
    facts: dict[str, Any]
    attempts: dict[str, int]
    """Step -> how many attempts at it are on record."""


class StrategyExecutor:
    """One per worker process; `run` may be called from many threads at a time."""

    def __init__(self, tools: Tools, plan: Plan | None = None) -> None:
        self.tools = tools
        self.plan = plan or live_plan()

    def run(self, execution_id: int) -> Outcome | None:
        """
        Take the lease and do what is left.

        Returns None when there was nothing to take, or when the broker's session went down and
        the execution is parked. Raises what a step did not foresee, once the failure is on record.
        """
        with transaction() as session:
            claim = self._claim(session, execution_id)
        if claim is None:
            return None
        with leases.kept_alive(claim.chain):
            result = self._run_and_keep(claim)
        logger.info("execution_ran", execution=execution_id, step=result.step, code=result.code)
        if result.bug is not None:
            raise result.bug
        return result.outcome

    def _run_and_keep(self, claim: Claim) -> StepResult:
        """Every result is committed before the next step starts; the last one with the skipped."""
        for result in engine.run(claim.left, claim.facts, self.tools):
            skipped = []
            if result.outcome is not None:
                after = self.plan.after(result.step)
                skipped = [engine.skipped(name, result) for name in after]
            self._keep(claim, result, skipped)
        return result

    def _claim(self, session: Session, execution_id: int) -> Claim | None:
        execution = leases.take(session, execution_id)
        if execution is None:
            return None
        records = lineage.read(session, execution)
        claim = self._what_is_left(session, execution, records)
        if execution.status is Status.RUNNING:
            self._record_interruption(session, execution, claim)
        now, first = self.tools.clock.now(), claim.left[0].name
        execution.status = Status.RUNNING
        execution.started_at = execution.started_at or now
        execution.current_step = first
        execution.current_attempt = claim.attempts.get(first, 0) + 1
        execution.current_step_started_at = now
        return claim

    def _what_is_left(
        self, session: Session, execution: Execution, records: list[LineageRecord]
    ) -> Claim:
        done = {record.step for record in records if record.status in DONE}
        facts = facts_at_start(session, execution)
        for record in records:
            if record.status in DONE:
                facts |= record.output or {}
        return Claim(
            chain=Chain(
                execution_id=execution.id,
                token=execution.lease_token or "",
                record_count=execution.record_count,
                head=execution.chain_head,
            ),
            left=[step for step in self.plan.steps if step.name not in done],
            facts=facts,
            attempts={name: sum(r.step == name for r in records) for name in self.plan.names},
        )

    def _record_interruption(self, session: Session, execution: Execution, claim: Claim) -> None:
        """The worker before us died inside a step: its lost attempt gets a record of its own."""
        now = self.tools.clock.now()
        step = execution.current_step or claim.left[0].name
        started_at = execution.current_step_started_at or now
        entry = Entry(
            step=step,
            attempt=execution.current_attempt or 1,
            status=RecordStatus.INTERRUPTED,
            reason_code="worker_lost",
            reason="The worker fell silent before it could record a result; the step runs again.",
            started_at=started_at,
            recorded_at=now,
            seconds=max(0.0, (now - started_at).total_seconds()),
            actor=actor(),
            code_version=code_version(),
        )
        lineage.append(session, claim.chain, entry, Progress(next_step=step))
        session.refresh(execution)
        claim.attempts[step] += 1

    def _keep(self, claim: Claim, result: StepResult, skipped: list[StepResult]) -> None:
        """Commit one result, and the steps it makes superfluous, as one."""
        entries = [self._entry(claim, each) for each in (result, *skipped)]
        progress = self._progress(claim, result)
        deadline = time.monotonic() + DATABASE_PATIENCE_SECONDS
        while True:
            chain = replace(claim.chain)
            try:
                with transaction() as session:
                    artifacts.remember(session, entries[0].artifacts, entries[0].recorded_at)
                    for entry in entries[:-1]:
                        lineage.append(session, chain, entry, Progress(next_step=entry.step))
                    lineage.append(session, chain, entries[-1], progress)
            except DBAPIError as error:
                # The append is fenced by token and count, so trying again cannot record it twice.
                if time.monotonic() > deadline:
                    raise
                logger.warning("database_away", execution=chain.execution_id, error=str(error.orig))
                time.sleep(1)
            else:
                claim.chain = chain
                return

    def _entry(self, claim: Claim, result: StepResult) -> Entry:
        return Entry(
            step=result.step,
            attempt=claim.attempts[result.step] + 1,
            status=RecordStatus(result.status.value),
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
            actor=actor(),
            code_version=code_version(),
        )

    def _progress(self, claim: Claim, result: StepResult) -> Progress:
        signal = ((result.output or {}).get("signal") or {}).get("action")
        if result.status is StepStatus.PARKED:
            return Progress(status=Status.PARKED, reason_code=result.code, reason=result.sentence)
        if result.outcome is not None:
            return Progress(
                status=Status.FINISHED,
                outcome=result.outcome,
                reason_code=result.code,
                reason=result.sentence,
                signal_action=signal,
            )
        left = [step.name for step in claim.left]
        following = left[left.index(result.step) + 1]
        return Progress(next_step=following, next_attempt=1, signal_action=signal)


def actor() -> str:
    """Who writes a record: host, process and thread of this worker."""
    return f"worker:{socket.gethostname()}:{os.getpid()}:{threading.current_thread().name}"
