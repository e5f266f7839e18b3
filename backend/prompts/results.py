"""What each version of a prompt cost, and what came of its answers."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, Subquery, func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from backend.decisions.models import Decision, Question
from backend.executions.models import Execution
from backend.strategies import prompts
from backend.strategies.models import Prompt, PromptVersion, Strategy, StrategyVersion
from backend.trading.signal import Action
from backend.workflow.outcome import Outcome


@dataclass(kw_only=True)
class VersionResults:
    """
    Over the executions that were asked with one version.

    Tokens and money of a system prompt are those of all questions that went with it.
    """

    questions: int = 0
    rule_based: int = 0
    """Questions that fixed rules answered: those read no prompt."""
    runs: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    refused: int = 0
    """Questions that brought no opinion, whatever the reason."""
    repaired: int = 0
    """Questions that were asked more than once before they brought one."""
    actions: dict[Action, int] = field(default_factory=dict)
    outcomes: dict[Outcome, int] = field(default_factory=dict)
    confidences: int = 0
    """Decisions that have one."""
    confidence_sum: float = 0.0
    judged: int = 0
    hits: int = 0
    """Signals to buy or sell that went their way after 5 bars, of those judged."""
    claims: int = 0
    claims_wrong: int = 0

    @property
    def tokens_per_run(self) -> float | None:
        return self.tokens / self.runs if self.runs else None

    @property
    def cost_per_run(self) -> Decimal | None:
        return self.cost_usd / self.runs if self.runs else None

    @property
    def confidence(self) -> float | None:
        """The mean of those that have one."""
        return self.confidence_sum / self.confidences if self.confidences else None

    @property
    def hit_rate(self) -> float | None:
        return self.hits / self.judged if self.judged else None

    @property
    def claims_wrong_rate(self) -> float | None:
        return self.claims_wrong / self.claims if self.claims else None

    @property
    def refused_rate(self) -> float | None:
        return self.refused / self.questions if self.questions else None


@dataclass(frozen=True)
class User:
    """A strategy that names a prompt, and the label that it runs."""

    id: int
    name: str
    label: str


def by_version(
    session: Session, prompt: Prompt, since: datetime | None = None
) -> dict[int, VersionResults]:
    """Version's number -> its results, of executions since a moment; replays never count."""
    column = Question.system_version_id if prompt.kind == "system" else Question.prompt_version_id
    numbers = {version.id: version.number for version in prompt.versions}
    found = {number: VersionResults() for number in numbers.values()}
    asked: list[ColumnElement[bool]] = [column.in_(numbers)]
    if since is not None:
        asked.append(Question.recorded_at >= since)
    for row in session.execute(_summed(column, asked)).mappings():
        _add(found[numbers[row["version_id"]]], row)
    return found


def users(session: Session) -> dict[str, list[User]]:
    """Name of a prompt -> the strategies in use whose running version names it, by name."""
    query = (
        select(Strategy.id, Strategy.name, StrategyVersion.definition["analysis"])
        .join(
            StrategyVersion,
            (StrategyVersion.strategy_id == Strategy.id)
            & (StrategyVersion.number == Strategy.version_number),
        )
        .where(Strategy.archived_at.is_(None))
        .order_by(Strategy.name)
    )
    found: dict[str, list[User]] = {}
    for strategy_id, name, analysis in session.execute(query):
        user = User(strategy_id, name, analysis.get("prompt_label", prompts.PRODUCTION))
        for prompt in analysis["prompts"].values():
            found.setdefault(prompt, []).append(user)
    return found


def spent(session: Session, since: datetime) -> dict[int, tuple[int, Decimal]]:
    """Prompt's id -> runs and money since a moment."""
    found: dict[int, tuple[int, Decimal]] = {}
    for column in (Question.prompt_version_id, Question.system_version_id):
        run = _runs(column, [Question.recorded_at >= since])
        rows = session.execute(
            select(PromptVersion.prompt_id, func.count(), func.sum(run.c.cost_usd))
            .join(PromptVersion, PromptVersion.id == run.c.version_id)
            .group_by(PromptVersion.prompt_id)
        )
        found |= {prompt_id: (runs, cost) for prompt_id, runs, cost in rows}
    return found


def _runs(column: Any, asked: list[ColumnElement[bool]]) -> Subquery:
    """One row per version and execution: several questions of one version are one run."""
    return (
        select(
            column.label("version_id"),
            Question.execution_id,
            func.count().label("questions"),
            func.count().filter(Question.is_rule_based).label("rule_based"),
            func.sum(Question.tokens).label("tokens"),
            func.sum(Question.cost_usd).label("cost_usd"),
            func.count(Question.reason_code).label("refused"),
            func.count()
            .filter(Question.attempts > 1, Question.reason_code.is_(None))
            .label("repaired"),
        )
        .where(*asked)
        .group_by(column, Question.execution_id)
        .subquery()
    )


def _summed(column: Any, asked: list[ColumnElement[bool]]) -> Select[*tuple[Any, ...]]:
    """Everything in one pass: a row per version, outcome and action."""
    run = _runs(column, asked)
    return (
        select(
            run.c.version_id,
            Execution.outcome,
            Decision.action,
            func.count().label("runs"),
            *(func.sum(run.c[name]).label(name) for name in _OF_RUNS),
            func.count(Decision.confidence).label("confidences"),
            func.sum(Decision.confidence).label("confidence_sum"),
            func.count(Decision.after_5).label("judged"),
            func.count().filter(Decision.after_5 > 0).label("hits"),
            func.sum(Decision.claims).label("claims"),
            func.sum(Decision.claims_wrong).label("claims_wrong"),
        )
        .join(Execution, Execution.id == run.c.execution_id)
        .outerjoin(Decision, Decision.execution_id == run.c.execution_id)
        .group_by(run.c.version_id, Execution.outcome, Decision.action)
    )


_OF_RUNS = ("questions", "rule_based", "tokens", "cost_usd", "refused", "repaired")
_OF_DECISIONS = ("confidences", "confidence_sum", "claims", "claims_wrong")


def _add(results: VersionResults, row: Any) -> None:
    for name in ("runs", *_OF_RUNS, *_OF_DECISIONS):
        setattr(results, name, getattr(results, name) + (row[name] or 0))
    outcome, action = row["outcome"], row["action"]
    if outcome is not None:
        results.outcomes[outcome] = results.outcomes.get(outcome, 0) + row["runs"]
    if action is not None:
        results.actions[action] = results.actions.get(action, 0) + row["runs"]
    # A HOLD has no direction that could come true.
    if action in (Action.BUY, Action.SELL):
        results.judged += row["judged"]
        results.hits += row["hits"]
