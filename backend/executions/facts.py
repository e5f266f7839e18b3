"""What is known before the first step: the strategy's words, the symbol, the due time."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.executions.models import Execution, Trigger
from backend.strategies.definition import StrategyDefinition, schedule_of
from backend.strategies.models import Prompt, PromptVersion, StrategyVersion
from backend.strategies.schedule import exchange_of, latest_start

MANUAL_PATIENCE = timedelta(hours=1)
"""How late an execution that a person started may still run, after the session was down."""


def facts_at_start(session: Session, execution: Execution) -> dict[str, Any]:
    """The same for every attempt: all of it comes from immutable rows."""
    version = session.get_one(StrategyVersion, execution.strategy_version_id)
    definition = StrategyDefinition.stored(version.definition)
    document = definition.model_dump(mode="json")
    return {
        "execution_id": execution.id,
        "strategy_id": execution.strategy_id,
        "strategy_version": version.number,
        "strategy_name": definition.name,
        "symbol": execution.symbol,
        "due_at": execution.due_at.isoformat(),
        "run_before": _run_before(
            version.definition, execution.trigger, execution.due_at
        ).isoformat(),
        "trigger": execution.trigger.value,
        "mode": document["mode"],
        "account_setting": definition.account,
        "schedule_exchange": exchange_of(definition.schedule),
        "chart_settings": document["charts"],
        "signal_settings": document["signal"],
        "analysis_settings": document["analysis"],
        "data_limits": document["data"],
        "risk_settings": document["risk"],
        "order_settings": document["orders"],
        "prompts": _prompts(session, execution),
    }


def is_too_late(
    document: dict[str, Any], trigger: Trigger, due_at: datetime, now: datetime
) -> bool:
    """Whether the missed-run policy forbids to run an execution that was due at `due_at`."""
    return now > _run_before(document, trigger, due_at)


def _run_before(document: dict[str, Any], trigger: Trigger, due_at: datetime) -> datetime:
    if trigger is Trigger.CRON:
        return latest_start(schedule_of(document), due_at)
    return due_at + MANUAL_PATIENCE


def _prompts(session: Session, execution: Execution) -> dict[str, Any]:
    rows = session.execute(
        select(Prompt.kind, Prompt.name, PromptVersion.number, PromptVersion.template)
        .join(PromptVersion, PromptVersion.prompt_id == Prompt.id)
        .where(PromptVersion.id.in_(execution.prompt_versions.values()))
    )
    return {
        kind: {"name": name, "version": number, "template": template}
        for kind, name, number, template in rows
    }
