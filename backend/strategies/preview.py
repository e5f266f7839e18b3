"""
What a definition would show and ask right now, made by the steps of an execution themselves.

Nothing is kept: bytes lie in memory, no lineage is written, and no model is asked.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from backend.analysis.base import Request
from backend.analysis.cost import most_prompt_tokens, priced
from backend.brokers.base import Contract, SessionStatus
from backend.core.errors import InvalidInput, NotFound, SessionDown
from backend.core.hashing import sha256_hex
from backend.core.settings import settings
from backend.core.values import Timeframe
from backend.strategies.definition import StrategyDefinition
from backend.trading.signal_settings import PercentStop, SignalSettings
from backend.workflow.steps import Tools, analyze_charts, steps
from backend.workflow.steps.base import Notes

_STEPS = ("resolve_contract", "fetch_bars", "compute_indicators", "render_charts")


@dataclass
class MemoryStorage:
    """For the length of one preview."""

    kept: dict[str, bytes] = field(default_factory=dict)

    def put(self, data: bytes) -> str:
        name = sha256_hex(data)
        self.kept[name] = data
        return name

    def get(self, sha256: str) -> bytes:
        if sha256 not in self.kept:
            raise NotFound(f"No artifact {sha256!r} is kept here.", code="artifact_missing")
        return self.kept[sha256]

    def check(self) -> None:
        """There is always room."""


@dataclass(frozen=True, kw_only=True)
class ChartPreview:
    """One timeframe as the model will see it, and the figure that a page can draw."""

    timeframe: Timeframe
    figure: bytes
    png: bytes | None
    why_no_png: str
    last_at: int
    """The start of the last bar, UTC ms."""
    is_delayed: bool


@dataclass(frozen=True, kw_only=True)
class Charts:
    contract: Contract
    as_of: datetime
    is_simulated: bool
    charts: list[ChartPreview]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One prompt as it would be sent; tokens and money are upper bounds, as the budget counts."""

    timeframe: Timeframe
    system: str
    prompt: str
    images: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    """None where the settings know no price of the model."""


@dataclass(frozen=True, kw_only=True)
class Prompts:
    contract: Contract
    as_of: datetime
    is_simulated: bool
    model: str
    is_rule_based: bool
    """No model is configured: the rule-based analyst would answer, at no cost."""
    questions: list[Question]

    @property
    def cost_usd(self) -> Decimal | None:
        costs = [each.cost_usd for each in self.questions]
        return None if None in costs else sum((each or Decimal(0) for each in costs), Decimal(0))


def charts(definition: StrategyDefinition, symbol: str, tools: Tools) -> Charts:
    """
    Raises `SessionDown` when the gateway is logged out, and what the steps raise: for a symbol
    that does not exist, for bars that the broker does not have.
    """
    tools = _private(tools)
    # A rule that is still wrong need not keep the chart from being looked at.
    facts = _run(_begun(definition, symbol, tools) | {"signal_settings": _NO_RULES}, tools)
    return Charts(
        contract=Contract(**facts["contract"]),
        as_of=datetime.fromisoformat(facts["as_of"]),
        is_simulated=facts["is_simulated"],
        charts=[_chart(chart.timeframe, facts, tools) for chart in definition.charts],
    )


def prompts(
    definition: StrategyDefinition, symbol: str, templates: dict[str, Any], tools: Tools
) -> Prompts:
    """
    The questions about each chart, on the data of now; `templates` are the prompts in force, by
    kind. What comes after the answers, the view over several charts, cannot be known before.

    Raises as `charts` does, and `InvalidInput` for a strategy that asks nobody.
    """
    if not definition.signal.needs_view:
        raise InvalidInput(
            "The rules alone decide, so no prompt is sent. Choose another source to ask a model.",
            field="signal.source",
        )
    tools = _private(tools)
    facts = _run(_begun(definition, symbol, tools) | {"prompts": templates}, tools)
    asked = analyze_charts.Input.model_validate(facts)
    questions = [
        analyze_charts.question(
            analyze_charts.chart_facts(chart, asked, tools), chart.timeframe, asked, tools
        )
        for chart in asked.chart_settings
    ]
    return Prompts(
        contract=asked.contract,
        as_of=asked.as_of,
        is_simulated=asked.is_simulated,
        model=questions[0].model,
        is_rule_based=tools.analyst.is_rule_based,
        questions=[
            _question(chart.timeframe, each)
            for chart, each in zip(asked.chart_settings, questions, strict=True)
        ],
    )


def is_simulated(tools: Tools) -> bool:
    """Whether the gateway says that its prices are invented. Raises `SessionDown`."""
    session = tools.broker.session()
    if session.status is not SessionStatus.READY:
        raise SessionDown(session.detail, code=session.status.value)
    return session.is_simulated


_NO_RULES = SignalSettings(
    source="view", stop=PercentStop(kind="percent", fraction=Decimal("0.05"))
).model_dump(mode="json")


def _private(tools: Tools) -> Tools:
    return replace(tools, storage=MemoryStorage(), notes=Notes())


def _begun(definition: StrategyDefinition, symbol: str, tools: Tools) -> dict[str, Any]:
    return {
        **definition.facts(),
        "symbol": symbol,
        "as_of": tools.clock.now().isoformat(),
        "is_simulated": is_simulated(tools),
    }


def _run(facts: dict[str, Any], tools: Tools) -> dict[str, Any]:
    known = dict(facts)
    for name in _STEPS:
        step = steps.get(name)
        found = step.run(step.input.model_validate(known), tools)
        known |= found.model_dump(mode="json")
    return known


def _chart(timeframe: Timeframe, facts: dict[str, Any], tools: Tools) -> ChartPreview:
    rendered, snapshot = facts["charts"][timeframe], facts["snapshots"][timeframe]
    png = rendered["png"]
    # The last step is the one that draws, and it notes why it did not.
    note = tools.notes.lines[-1] if png is None else {}
    return ChartPreview(
        timeframe=timeframe,
        figure=tools.storage.get(rendered["figure"]["sha256"]),
        png=None if png is None else tools.storage.get(png["sha256"]),
        why_no_png=note.get("why") or note.get("note", ""),
        last_at=snapshot["last_time"],
        is_delayed=snapshot["is_delayed"],
    )


def _question(timeframe: Timeframe, request: Request) -> Question:
    texts = [request.system, request.prompt]
    tokens = most_prompt_tokens(texts, request.images, request.model)
    price = settings().openai_prices.get(request.model)
    return Question(
        timeframe=timeframe,
        system=request.system,
        prompt=request.prompt,
        images=len(request.images),
        input_tokens=tokens,
        output_tokens=request.max_output_tokens,
        cost_usd=None if price is None else priced(tokens, request.max_output_tokens, price),
    )
