"""What is known before the first step: the strategy's words, the symbol, the due time."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from backend.core.database import transaction
from backend.executions.leases import Lease
from backend.executions.models import Trigger
from backend.executions.replays.changes import Changes
from backend.strategies.definition import StrategyDefinition, schedule_of
from backend.strategies.models import Prompt, PromptVersion, StrategyVersion
from backend.strategies.schedule import Schedule, latest_start

MANUAL_PATIENCE = timedelta(hours=1)
"""How late an execution that a person started may still run, after the session was down."""


class FirstFacts:
    """Reads immutable rows once per process: versions of strategies and of prompts."""

    def __init__(self) -> None:
        self._definitions: dict[int, dict[str, Any]] = {}
        self._prompts: dict[int, tuple[str, dict[str, Any]]] = {}

    def of(self, lease: Lease) -> dict[str, Any]:
        """The same for every attempt at an execution."""
        definition = self._definition(lease.strategy_version_id)
        run_before = _run_before(definition["schedule"], Trigger(lease.trigger), lease.due_at)
        facts = definition["facts"]
        if changed := Changes.from_json(lease.changes).definition:
            facts = _definition_facts(facts["strategy_version"], changed)
        return {
            **facts,
            "execution_id": lease.chain.execution_id,
            "strategy_id": lease.strategy_id,
            "symbol": lease.symbol,
            "due_at": lease.due_at.isoformat(),
            "run_before": run_before.isoformat(),
            "trigger": lease.trigger,
            "prompts": dict(self._prompt(each) for each in lease.prompt_versions.values()),
        }

    def _definition(self, version_id: int) -> dict[str, Any]:
        if version_id not in self._definitions:
            query = select(StrategyVersion.number, StrategyVersion.definition).where(
                StrategyVersion.id == version_id
            )
            with transaction() as session:
                number, document = session.execute(query).one()
            self._definitions[version_id] = {
                "schedule": schedule_of(document),
                "facts": _definition_facts(number, document),
            }
        return self._definitions[version_id]

    def _prompt(self, version_id: int) -> tuple[str, dict[str, Any]]:
        if version_id not in self._prompts:
            query = (
                select(Prompt.kind, Prompt.name, PromptVersion.number, PromptVersion.template)
                .join(PromptVersion, PromptVersion.prompt_id == Prompt.id)
                .where(PromptVersion.id == version_id)
            )
            with transaction() as session:
                kind, name, number, template = session.execute(query).one()
            text = {"name": name, "version": number, "template": template}
            self._prompts[version_id] = (kind, text)
        return self._prompts[version_id]


def is_too_late(
    document: dict[str, Any], trigger: Trigger, due_at: datetime, now: datetime
) -> bool:
    """Whether the missed-run policy forbids to run an execution that was due at `due_at`."""
    return now > _run_before(schedule_of(document), trigger, due_at)


def _run_before(schedule: Schedule, trigger: Trigger, due_at: datetime) -> datetime:
    if trigger is Trigger.CRON:
        return latest_start(schedule, due_at)
    return due_at + MANUAL_PATIENCE


def _definition_facts(number: int, stored: dict[str, Any]) -> dict[str, Any]:
    return {"strategy_version": number, **StrategyDefinition.stored(stored).facts()}
