"""Where in time each attempt at each step lies: the bars beside the steps of an execution."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backend.executions.models import Execution, LineageRecord, RecordStatus

WIDTH = 1000.0
"""Units of the axis."""
LONGEST_PAUSE = 0.15
"""A pause takes at most this share of the axis, or a night's wait would hide the work."""
NARROWEST = 6.0
"""Units; a step of a millisecond must still be seen."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A stretch of the axis. `state` names its colour; `waiting` and `parked` are pauses."""

    x: float
    width: float
    state: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Timeline:
    queued: Bar | None
    """From when the execution was made until a worker took it."""
    bars: dict[str, list[Bar]]
    """Step -> its attempts, and the pauses behind them."""
    waited_seconds: float
    worked_seconds: float
    paused_seconds: float


@dataclass(frozen=True, kw_only=True)
class _Span:
    step: str
    seconds: float
    state: str
    is_pause: bool


def timeline(execution: Execution, records: Sequence[LineageRecord], now: datetime) -> Timeline:
    """
    Lay queue, attempts and pauses one behind the other; what is under way reaches until `now`.
    """
    spans = _spans(execution, records, now)
    worked = sum(span.seconds for span in spans if not span.is_pause)
    paused = sum(span.seconds for span in spans if span.is_pause)
    queued = spans[0].seconds if spans and not spans[0].step else 0.0
    bars: dict[str, list[Bar]] = {}
    x = 0.0
    for span, width in zip(spans, _widths(spans), strict=True):
        bars.setdefault(span.step, []).append(_bar(span, x, width))
        x += width
    return Timeline(
        queued=bars.pop("", [None])[0],
        bars=bars,
        waited_seconds=queued,
        worked_seconds=worked,
        paused_seconds=paused - queued,
    )


def _spans(execution: Execution, records: Sequence[LineageRecord], now: datetime) -> list[_Span]:
    ran = [record for record in records if record.status is not RecordStatus.SKIPPED]
    begun = execution.started_at or execution.finished_at or now
    spans = [_pause("", "waiting", begun, execution.created_at)]
    for index, record in enumerate(ran):
        seconds = max(record.seconds, 0.0)
        state = record.status.value
        spans.append(_Span(step=record.step, seconds=seconds, state=state, is_pause=False))
        if record.status in (RecordStatus.PARKED, RecordStatus.INTERRUPTED):
            is_last = index == len(ran) - 1
            resumed = (
                execution.current_step_started_at or now if is_last else ran[index + 1].started_at
            )
            spans.append(_pause(record.step, "parked", resumed, record.recorded_at))
    if execution.current_step and execution.current_step_started_at and execution.lease_token:
        seconds = max(0.0, (now - execution.current_step_started_at).total_seconds())
        step = execution.current_step
        spans.append(_Span(step=step, seconds=seconds, state="running", is_pause=False))
    return spans


def _pause(step: str, state: str, until: datetime, since: datetime) -> _Span:
    seconds = max(0.0, (until - since).total_seconds())
    return _Span(step=step, seconds=seconds, state=state, is_pause=True)


def _widths(spans: Sequence[_Span]) -> list[float]:
    """In proportion, but pauses cut short and the quickest made visible; together `WIDTH`."""
    work = sum(span.seconds for span in spans if not span.is_pause) or 1.0
    most = work * LONGEST_PAUSE
    shown = [min(span.seconds, most) if span.is_pause else span.seconds for span in spans]
    total = sum(shown) or 1.0
    wide = [max(each / total * WIDTH, 0.0 if each == 0 else NARROWEST) for each in shown]
    scale = WIDTH / (sum(wide) or 1.0)
    return [each * scale for each in wide]


def _bar(span: _Span, x: float, width: float) -> Bar:
    words = {"waiting": "waited in the queue", "parked": "paused"}
    title = f"{span.step.replace('_', ' ')} {words.get(span.state, span.state)}".strip()
    return Bar(
        x=round(x, 1),
        width=round(width, 1),
        state=span.state,
        title=f"{title}, {duration(span.seconds)}",
    )


def duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"
