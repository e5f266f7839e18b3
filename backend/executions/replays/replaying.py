"""How a replay runs: the live steps, on the record of its source in place of the world."""

from dataclasses import replace
from functools import partial
from typing import Any, cast

from backend import analysis
from backend.analysis.base import Analyst
from backend.core.clock import ManualClock
from backend.core.settings import settings
from backend.executions.answers import DatabaseAnswers
from backend.executions.journal import DatabaseJournal
from backend.executions.models import RecordStatus
from backend.executions.replays.recorded import OutOfReach, RecordedAnalyst, RecordedPictures
from backend.executions.replays.sources import Source
from backend.storage.base import Artifact
from backend.workflow.outcome import Ends, NotNeeded, Outcome, Withheld
from backend.workflow.steps import Step, Tools
from backend.workflow.steps.base import StepData, Touches


def steps(live: tuple[Step, ...], source: Source) -> list[Step]:
    """The same steps, by what each says that it touches."""
    return [_replayed(step, source) for step in live]


def _replayed(step: Step, source: Source) -> Step:
    if step.touches is Touches.OUTSIDE:
        return replace(step, run=partial(_give_back, step, source))
    if step.touches is Touches.ORDERS:
        return replace(step, run=_withhold)
    return step


def _withhold(_input: StepData, _tools: Tools) -> StepData:
    raise Withheld(Outcome.OBSERVED, "replay", "A replay sends no orders and changes none.")


def _give_back(step: Step, source: Source, _input: StepData, tools: Tools) -> StepData:
    """What the step found and left behind then, and the end that it came to."""
    record = source.records.get(step.name)
    found = source.found(step)
    if record is None or (found is None and record.outcome is None):
        raise Ends(
            Outcome.SKIPPED,
            "not_recorded",
            f"{source.name.capitalize()} never came to step {step.name}, and a replay does not ask"
            " the broker. Run the changed strategy instead.",
        )
    tools.notes.artifacts += [Artifact(**each) for each in record.artifacts]
    tools.notes.lines += record.notes
    tools.note(
        f"As on record: nothing outside was asked. Record {record.sequence} of {source.name}.",
        given_back_from=record.hash,
    )
    code, sentence = record.reason_code or "", record.reason or ""
    if record.outcome is not None:
        raise Ends(record.outcome, code, sentence, found=found)
    assert found is not None
    if record.status is RecordStatus.SKIPPED:
        raise NotNeeded(code, sentence, found=found)
    return found


def tools(live: Tools, source: Source, facts: dict[str, Any]) -> Tools:
    """The live tools with the record in front of them; `facts` are the replay's first ones."""
    return replace(
        live,
        clock=ManualClock(source.decided_at),
        broker=cast(Any, OutOfReach("broker")),
        market=cast(Any, OutOfReach("market data")),
        analyst=_analyst(live, source, facts["analysis_settings"]["model"]),
        renderer=_pictures(live, source),
        journal=DatabaseJournal(until=source.counted_at, without=source.lived.id),
        safeguards=cast(Any, OutOfReach("safeguards")),
        approvals=cast(Any, OutOfReach("approvals")),
        desk=cast(Any, OutOfReach("the broker's desk")),
    )


def _analyst(live: Tools, source: Source, model: str) -> Analyst:
    asked = source.conversations
    living = live.analyst
    has_same_model = model == source.definition.analysis.model
    if asked and has_same_model and asked[0]["analyst"] != living.name:
        # Who answered then, whatever the settings say today: only a change may ask another.
        living = analysis.create(
            asked[0]["analyst"],
            settings(),
            budget=live.budget,
            cache=DatabaseAnswers(live.clock),
        )
    return RecordedAnalyst(
        living,
        live.storage,
        conversations={each["request_hash"]: each["text"]["sha256"] for each in asked},
        where=source.name,
        is_model_given=bool(model),
    )


def _pictures(live: Tools, source: Source) -> RecordedPictures | None:
    charts = source.output("render_charts").get("charts") or {}
    pictures = {
        chart["figure"]["sha256"]: chart["png"] and chart["png"]["sha256"]
        for chart in charts.values()
    }
    if charts and not any(pictures.values()):
        return None
    return RecordedPictures(living=live.renderer, storage=live.storage, pictures=pictures)
