from datetime import datetime

from backend.analysis import view
from backend.analysis.base import Request
from backend.analysis.facts import ChartFacts, ChartOpinion, ViewFacts
from backend.analysis.prompt_variables import system_variables, view_variables
from backend.analysis.prompts import render
from backend.analysis.standing import Standing
from backend.analysis.view import View
from backend.brokers.base import AccountSnapshot, Contract
from backend.core.values import Timeframe
from backend.trading.own_books import OwnBooks
from backend.trading.signal import SignalSettings
from backend.workflow.outcome import Ends, NotNeeded, Outcome
from backend.workflow.settings import AnalysisSettings
from backend.workflow.standing import standing
from backend.workflow.steps.analyze_charts import (
    Conversation,
    PromptText,
    converse,
    model_choice,
    refuse_without_opinion,
)
from backend.workflow.steps.base import ArtifactRef, StepData, Tools, Touches, step


class Input(StepData):
    contract: Contract
    analysis_settings: AnalysisSettings
    signal_settings: SignalSettings
    prompts: dict[str, PromptText]
    opinions: list[ChartOpinion]
    chart_facts: dict[Timeframe, ArtifactRef]
    as_of: datetime
    is_simulated: bool
    account_snapshot: AccountSnapshot | None = None
    own_books: OwnBooks = OwnBooks()


class Output(StepData):
    view: View | None
    view_conversation: Conversation | None


@step("form_view", input=Input, output=Output, touches=Touches.ANALYST)
def form_view(input: Input, tools: Tools) -> Output:
    """One view out of the opinions; with a single one that is the view, and nobody is asked."""
    if not input.signal_settings.needs_view:
        found = Output(view=None, view_conversation=None)
        raise NotNeeded("rules_only", "The strategy decides by its rules alone.", found=found)
    if len(input.opinions) == 1:
        formed = view.form(input.opinions)
        if formed is None:
            raise Ends(Outcome.HELD, "no_view", "There is no opinion to form a view from.")
        return Output(view=formed, view_conversation=None)
    request = _request(input, tools)
    answer = tools.analyst.analyze(request)
    conversation = converse(request, answer, input.prompts["view"], tools)
    refuse_without_opinion(answer, Output(view=None, view_conversation=conversation))
    assert answer.opinion is not None
    return Output(view=view.around(answer.opinion, input.opinions), view_conversation=conversation)


def facts_of(input: Input, tools: Tools) -> ViewFacts:
    """What the question about several opinions rests on."""
    charts = [ChartFacts.model_validate(tools.load_json(ref)) for ref in input.chart_facts.values()]
    return ViewFacts(
        symbol=input.contract.symbol,
        company=input.contract.name,
        exchange=input.contract.exchange,
        currency=input.contract.currency,
        tick=input.contract.tick,
        as_of=charts[0].as_of,
        is_simulated=input.is_simulated,
        last_close=charts[0].last_close,
        opinions=input.opinions,
        charts=charts,
    )


def standing_of(input: Input, facts: ViewFacts) -> Standing:
    """What the account held then, as the question showed it."""
    return standing(input.account_snapshot, input.own_books, input.contract.conid, facts.last_close)


def _request(input: Input, tools: Tools) -> Request:
    facts = facts_of(input, tools)
    return Request(
        kind="view",
        system=render(
            input.prompts["system"].template, system_variables(is_simulated=input.is_simulated)
        ),
        prompt=render(
            input.prompts["view"].template,
            view_variables(facts, image_count=0, standing=standing_of(input, facts)),
        ),
        facts=facts.model_dump(mode="json"),
        **model_choice(input.analysis_settings),
    )
