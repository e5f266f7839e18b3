from datetime import datetime
from decimal import Decimal

from backend.analysis import claims
from backend.analysis.claims import ClaimCheck
from backend.analysis.facts import ChartFacts
from backend.analysis.view import View
from backend.brokers.base import Contract, Quote
from backend.core.values import Timeframe
from backend.trading.signal import Action, Signal, SignalSettings, decide
from backend.trading.signal import View as TradingView
from backend.workflow.outcome import Ends, Outcome
from backend.workflow.settings import ChartSettings
from backend.workflow.steps.base import ArtifactRef, StepData, Tools, Touches, step
from backend.workflow.steps.compute_indicators import RuleFindings
from backend.workflow.steps.fetch_bars import BarSnapshot


class Input(StepData):
    contract: Contract
    chart_settings: list[ChartSettings]
    signal_settings: SignalSettings
    snapshots: dict[Timeframe, BarSnapshot]
    chart_facts: dict[Timeframe, ArtifactRef]
    last_by_name: dict[str, float | None]
    long_rule: RuleFindings | None
    short_rule: RuleFindings | None
    view: View | None
    quote: Quote | None
    as_of: datetime


class Output(StepData):
    signal: Signal
    claim_check: ClaimCheck | None
    """The view's own numbers held against the data; None without a view."""


@step("generate_signal", input=Input, output=Output, touches=Touches.NOTHING)
def generate_signal(input: Input, tools: Tools) -> Output:
    """Weigh rules and view; refuse a view that quotes numbers which the data contradicts."""
    signal = decide(
        input.signal_settings,
        rules_long=input.long_rule.verdict if input.long_rule else None,
        rules_short=input.short_rule.verdict if input.short_rule else None,
        view=_trading_view(input.view),
        last_price=_last_price(input),
        tick=input.contract.tick,
        series_last={
            name: value for name, value in input.last_by_name.items() if value is not None
        },
        now=input.as_of,
    )
    check = _check(input, tools)
    found = Output(signal=signal, claim_check=check)
    if signal.action is Action.HOLD:
        raise Ends(Outcome.HELD, signal.reason_code, signal.sentence, found=found)
    if check is not None and check.blocks:
        raise Ends(Outcome.HELD, "claim_contradicted", check.sentence, found=found)
    return found


def _trading_view(view: View | None) -> TradingView | None:
    if view is None:
        return None
    opinion = view.opinion
    return TradingView.from_floats(
        direction=opinion.direction.value,
        confidence=opinion.confidence,
        entry=opinion.entry,
        stop=opinion.stop,
        targets=opinion.targets,
        rationale=view.rationale,
    )


def _last_price(input: Input) -> Decimal:
    """The quote where there is one, else the close of the last bar."""
    if input.quote is not None and input.quote.last is not None and not input.quote.is_halted:
        return input.quote.last
    return Decimal(repr(input.snapshots[input.chart_settings[0].timeframe].last_close))


def _check(input: Input, tools: Tools) -> ClaimCheck | None:
    if input.view is None:
        return None
    charts = [
        ChartFacts.model_validate(tools.load_json(input.chart_facts[chart.timeframe]))
        for chart in input.chart_settings
    ]
    return claims.check(input.view.opinion, charts)
