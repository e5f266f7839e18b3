from datetime import datetime
from typing import Any

from pydantic import BaseModel

from backend.analysis.base import Answer, Request
from backend.analysis.facts import ChartFacts, ChartOpinion, facts_for
from backend.analysis.prompt_variables import chart_variables, system_variables
from backend.analysis.prompts import render
from backend.analysis.standing import Standing
from backend.brokers.base import AccountSnapshot, Contract
from backend.core.hashing import sha256_hex
from backend.core.redaction import redact
from backend.core.settings import settings as core_settings
from backend.core.values import Timeframe
from backend.trading.own_books import OwnBooks
from backend.trading.signal import SignalSettings
from backend.workflow.outcome import Ends, NotNeeded, Outcome
from backend.workflow.settings import AnalysisSettings, ChartSettings
from backend.workflow.standing import standing
from backend.workflow.steps.base import ArtifactRef, StepData, Tools, Touches, step
from backend.workflow.steps.compute_indicators import RuleFindings
from backend.workflow.steps.fetch_bars import BarSnapshot
from backend.workflow.steps.render_charts import RenderedChart, as_array


class PromptText(BaseModel):
    """The version of a prompt that was in force when the execution was made."""

    name: str
    version: int
    template: str


class Conversation(BaseModel):
    """What one question to the analyst was, cost and brought; the texts are in the artifact."""

    kind: str
    timeframe: Timeframe | None
    analyst: str
    is_rule_based: bool
    model: str
    prompt_name: str
    prompt_version: int
    input_tokens: int
    output_tokens: int
    cost_usd: str
    seconds: float
    attempts: int
    finish_reason: str
    reason_code: str | None
    request_hash: str
    from_cache: bool
    text: ArtifactRef


class Input(StepData):
    contract: Contract
    chart_settings: list[ChartSettings]
    analysis_settings: AnalysisSettings
    signal_settings: SignalSettings
    prompts: dict[str, PromptText]
    snapshots: dict[Timeframe, BarSnapshot]
    series: dict[Timeframe, ArtifactRef]
    charts: dict[Timeframe, RenderedChart]
    long_rule: RuleFindings | None
    short_rule: RuleFindings | None
    as_of: datetime
    is_simulated: bool
    account_snapshot: AccountSnapshot | None = None
    own_books: OwnBooks = OwnBooks()


class Output(StepData):
    chart_facts: dict[Timeframe, ArtifactRef]
    """The numbers behind each question, which claims are checked against."""
    opinions: list[ChartOpinion]
    conversations: list[Conversation]


@step("analyze_charts", input=Input, output=Output, touches=Touches.ANALYST)
def analyze_charts(input: Input, tools: Tools) -> Output:
    """One structured opinion per timeframe; one that fails ends the execution."""
    facts = {chart.timeframe: chart_facts(chart, input, tools) for chart in input.chart_settings}
    kept = {
        tf: tools.keep_json(f"facts_{tf}.json", each.model_dump(mode="json"))
        for tf, each in facts.items()
    }
    if not input.signal_settings.needs_view:
        found = Output(chart_facts=kept, opinions=[], conversations=[])
        raise NotNeeded("rules_only", "The strategy decides by its rules alone.", found=found)
    opinions: list[ChartOpinion] = []
    conversations: list[Conversation] = []
    for timeframe, each in facts.items():
        request = question(each, timeframe, input, tools)
        answer = tools.analyst.analyze(request)
        prompt = input.prompts["chart"]
        conversations.append(converse(request, answer, prompt, tools, timeframe=timeframe))
        refuse_without_opinion(
            answer, Output(chart_facts=kept, opinions=opinions, conversations=conversations)
        )
        opinions.append(
            ChartOpinion(
                timeframe=timeframe,
                analyst=answer.analyst,
                is_rule_based=answer.is_rule_based,
                opinion=answer.opinion,
            )
        )
    return Output(chart_facts=kept, opinions=opinions, conversations=conversations)


def converse(
    request: Request,
    answer: Answer,
    prompt: PromptText,
    tools: Tools,
    *,
    timeframe: Timeframe | None = None,
) -> Conversation:
    """Keep the whole exchange as an artifact, count its cost, and return its summary."""
    if answer.recorded_in:
        tools.note(
            f"Answered from the record of {answer.recorded_in}: nothing was asked or paid.",
            answered_from=answer.request_hash,
        )
    else:
        tools.spend(answer.usage)
    document = {
        "version": 1,
        "system": request.system,
        "prompt": request.prompt,
        "images": [sha256_hex(image) for image in request.images],
        "answer": answer.to_json(),
    }
    name = f"conversation_{timeframe or request.kind}.json"
    return Conversation(
        kind=request.kind,
        timeframe=timeframe,
        analyst=answer.analyst,
        is_rule_based=answer.is_rule_based,
        model=answer.model,
        prompt_name=prompt.name,
        prompt_version=prompt.version,
        input_tokens=answer.usage.input_tokens,
        output_tokens=answer.usage.output_tokens,
        cost_usd=str(answer.usage.cost_usd),
        seconds=answer.seconds,
        attempts=len(answer.attempts),
        finish_reason=answer.finish_reason,
        reason_code=answer.reason_code,
        request_hash=answer.request_hash,
        from_cache=answer.from_cache,
        text=tools.keep_json(name, redact(document)),
    )


def refuse_without_opinion(answer: Answer, found: StepData) -> None:
    """No opinion, no trade: the execution fails with the answer's reason, `found` is kept."""
    if answer.opinion is None:
        sentence = answer.refusal or "The analyst gave no opinion."
        raise Ends(Outcome.FAILED, answer.reason_code or "no_opinion", sentence, found=found)


def chart_facts(chart: ChartSettings, input: Input, tools: Tools) -> ChartFacts:
    document = tools.load_json(input.series[chart.timeframe])
    series = {name: as_array(values) for name, values in document["series"].items()}
    is_primary = chart is input.chart_settings[0]
    return facts_for(
        tools.load_bars(input.snapshots[chart.timeframe].bars),
        series,
        symbol=input.contract.symbol,
        company=input.contract.name,
        exchange=input.contract.exchange,
        currency=input.contract.currency,
        tick=input.contract.tick,
        as_of=input.as_of.strftime("%Y-%m-%d %H:%M UTC"),
        is_simulated=input.is_simulated,
        rules=_rule_sentences(input) if is_primary else [],
    )


def _rule_sentences(input: Input) -> list[str]:
    said = {"long": input.long_rule, "short": input.short_rule}
    words = {True: "true", False: "false", None: "unknown"}
    return [
        f"{side} when {rule.text}: {words[rule.verdict]}" for side, rule in said.items() if rule
    ]


def question(facts: ChartFacts, timeframe: Timeframe, input: Input, tools: Tools) -> Request:
    settings, png = input.analysis_settings, input.charts[timeframe].png
    is_shown = settings.send_charts and png is not None and not tools.analyst.is_rule_based
    images = (tools.storage.get(png.sha256),) if png is not None and is_shown else ()
    return Request(
        kind="chart",
        system=render(
            input.prompts["system"].template, system_variables(is_simulated=facts.is_simulated)
        ),
        prompt=render(
            input.prompts["chart"].template,
            chart_variables(facts, image_count=len(images), standing=standing_of(facts, input)),
        ),
        images=images,
        facts=facts.model_dump(mode="json"),
        **model_choice(settings),
    )


def standing_of(facts: ChartFacts, input: Input) -> Standing:
    """What the account held then, as the question showed it."""
    return standing(input.account_snapshot, input.own_books, input.contract.conid, facts.last_close)


def model_choice(settings: AnalysisSettings) -> dict[str, Any]:
    """What a request says about the model; an empty name is the settings' model."""
    return {
        "model": settings.model or core_settings().openai_model,
        "temperature": settings.temperature,
        "max_output_tokens": settings.max_output_tokens,
    }
