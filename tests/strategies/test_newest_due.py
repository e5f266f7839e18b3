"""Which of several due times that have passed is served."""

from datetime import UTC, datetime, timedelta

import pytest

from backend.strategies.schedule import Schedule, newest_due, next_due

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
SKIPS = {"missed": "skip"}
RUNS_HALF_AN_HOUR = {"missed": "run", "run_if_late_minutes": 30}


@pytest.mark.parametrize(
    ("policy", "passed", "served"),
    [
        pytest.param(SKIPS, timedelta(seconds=20), TEN, id="on time"),
        pytest.param(SKIPS, timedelta(minutes=40), TEN, id="the only one is too late"),
        pytest.param(
            RUNS_HALF_AN_HOUR, timedelta(hours=3, minutes=10), TEN.replace(hour=13), id="newest"
        ),
        pytest.param(
            RUNS_HALF_AN_HOUR, timedelta(hours=3, minutes=30), TEN.replace(hour=13), id="just so"
        ),
        pytest.param(RUNS_HALF_AN_HOUR, timedelta(hours=3, minutes=31), TEN, id="all are too late"),
        pytest.param(SKIPS, timedelta(hours=3, minutes=1), TEN.replace(hour=13), id="punctual"),
    ],
)
def test_the_newest_due_time_that_is_in_time_is_served(
    policy: dict[str, object], passed: timedelta, served: datetime
) -> None:
    hourly = Schedule.model_validate({"when": "0 * * * *", **policy})
    now = TEN + passed
    assert newest_due(hourly, TEN, now) == (served, next_due(hourly, now))
