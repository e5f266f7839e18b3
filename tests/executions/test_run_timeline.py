"""Where steps lie in time, and prices on their ladder: geometry without a page."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from backend.executions.ladder import ladder
from backend.executions.models import Execution, LineageRecord, RecordStatus, Status, Trigger
from backend.executions.timeline import LONGEST_PAUSE, NARROWEST, WIDTH, Timeline, timeline

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def execution(**changes: Any) -> Execution:
    return Execution(
        **{
            "symbol": "AAPL",
            "trigger": Trigger.CRON,
            "status": Status.FINISHED,
            "created_at": at(0),
            "started_at": at(0),
            "finished_at": at(10),
            **changes,
        }
    )


def record(
    step: str, begun: float, seconds: float, status: RecordStatus = RecordStatus.FINISHED
) -> LineageRecord:
    return LineageRecord(
        step=step,
        status=status,
        started_at=at(begun),
        recorded_at=at(begun + seconds),
        seconds=seconds,
    )


def shares(made: Timeline) -> dict[str, list[tuple[str, float]]]:
    """Step -> state and share of the axis."""
    return {
        step: [(bar.state, round(bar.width / WIDTH, 2)) for bar in bars]
        for step, bars in made.bars.items()
    }


def test_steps_lie_behind_each_other_in_proportion() -> None:
    records = [record("preflight", 0, 1), record("fetch_bars", 1, 3)]
    made = timeline(execution(), records, at(10))
    assert shares(made) == {"preflight": [("finished", 0.25)], "fetch_bars": [("finished", 0.75)]}
    assert made.bars["fetch_bars"][0].x == pytest.approx(WIDTH / 4)
    assert (made.worked_seconds, made.waited_seconds, made.paused_seconds) == (4, 0, 0)


def test_waiting_in_the_queue_is_told_apart_and_cannot_hide_the_work() -> None:
    waited = execution(started_at=at(3600))
    made = timeline(waited, [record("preflight", 3600, 1)], at(4000))
    assert made.queued is not None
    assert made.queued.title == "waited in the queue, 60.0 min"
    assert made.queued.width / WIDTH == pytest.approx(LONGEST_PAUSE / (1 + LONGEST_PAUSE), abs=0.01)
    assert made.waited_seconds == 3600


def test_a_parked_step_shows_its_pause_and_its_second_attempt() -> None:
    records = [
        record("preflight", 0, 1, RecordStatus.PARKED),
        record("preflight", 601, 1),
    ]
    made = timeline(execution(), records, at(700))
    states = [state for state, _ in shares(made)["preflight"]]
    assert states == ["parked", "parked", "finished"]
    assert made.paused_seconds == 600
    assert made.worked_seconds == 2


def test_a_step_under_way_reaches_until_now() -> None:
    running = execution(
        status=Status.RUNNING,
        finished_at=None,
        current_step="fetch_bars",
        current_step_started_at=at(1),
        lease_token="token",
    )
    made = timeline(running, [record("preflight", 0, 1)], at(4))
    assert shares(made)["fetch_bars"] == [("running", 0.75)]


def test_the_quickest_step_can_be_seen_and_nothing_leaves_the_axis() -> None:
    records = [record("preflight", 0, 0.0001), record("render_charts", 0, 60)]
    made = timeline(execution(), records, at(100))
    bars = [bar for each in made.bars.values() for bar in each]
    assert bars[0].width > NARROWEST * 0.9
    assert sum(bar.width for bar in bars) == pytest.approx(WIDTH, abs=0.5)


def test_skipped_steps_and_executions_without_records_have_no_bars() -> None:
    skipped = record("reconcile", 1, 0, RecordStatus.SKIPPED)
    assert timeline(execution(), [skipped], at(1)).bars == {}
    never = execution(started_at=None, finished_at=at(0))
    assert timeline(never, [], at(1)).bars == {}


def test_a_ladder_has_the_highest_price_on_top_and_knows_what_may_be_won() -> None:
    made = ladder(
        {"entry": "100", "stop": "95", "targets": ["110", "115"], "r_multiples": ["2", "3"]}
    )
    assert made is not None
    assert [rung.label for rung in made.rungs] == ["Target 2", "Target 1", "Entry", "Stop"]
    assert [rung.multiple for rung in made.rungs] == [Decimal(3), Decimal(2), None, None]
    assert [zone.state for zone in made.zones] == ["bad", "good"]
    assert made.zones[0].height * 3 == pytest.approx(made.zones[1].height, abs=0.5)


def test_labels_of_prices_side_by_side_do_not_cover_each_other() -> None:
    made = ladder({"entry": "100", "stop": "99.99", "targets": ["100.01", "200"]})
    assert made is not None
    places = [rung.text_y for rung in made.rungs]
    assert all(b - a >= 14.9 for a, b in itertools.pairwise(places))
    assert max(places) <= 196


def test_a_signal_without_prices_has_no_ladder() -> None:
    assert ladder({"action": "HOLD", "entry": None, "stop": None}) is None
