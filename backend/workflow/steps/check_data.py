from datetime import datetime

from backend.brokers.base import Contract
from backend.core.values import Timeframe
from backend.exchange import calendars
from backend.exchange.quality import QualityLimits, QualityReport, check
from backend.workflow.outcome import Ends, Outcome
from backend.workflow.steps.base import StepData, Tools, Touches, step
from backend.workflow.steps.fetch_bars import BarSnapshot


class Input(StepData):
    contract: Contract
    snapshots: dict[Timeframe, BarSnapshot]
    as_of: datetime
    data_limits: QualityLimits


class Output(StepData):
    quality: dict[Timeframe, QualityReport]


@step("check_data", input=Input, output=Output, touches=Touches.NOTHING)
def check_data(input: Input, tools: Tools) -> Output:
    """Are the bars whole, sane and fresh, and was the last one closed when we decide?"""
    calendar = calendars.calendar(input.contract.calendar)
    quality = {
        timeframe: check(tools.load_bars(snapshot.bars), calendar, input.as_of, input.data_limits)
        for timeframe, snapshot in input.snapshots.items()
    }
    found = Output(quality=quality)
    for timeframe, report in quality.items():
        for breach in report.breaches:
            sentence = f"{timeframe} bars: {breach.sentence}"
            raise Ends(Outcome.BLOCKED, breach.code, sentence, found=found)
    return found
