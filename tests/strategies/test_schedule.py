from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from backend.exchange.calendars import calendar
from backend.strategies.schedule import Schedule, explain, is_missed, next_due, upcoming


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def test_a_phrase_is_due_before_each_close_also_on_half_days() -> None:
    schedule = Schedule(when="30 minutes before NYSE close")
    assert upcoming(schedule, utc(2026, 11, 24, 12, 0)) == [
        utc(2026, 11, 24, 20, 30),
        utc(2026, 11, 25, 20, 30),
        utc(2026, 11, 27, 17, 30),  # half day after Thanksgiving
        utc(2026, 11, 30, 20, 30),
        utc(2026, 12, 1, 20, 30),
    ]


def test_a_cron_line_is_read_in_its_zone_and_on_the_days_of_its_exchange() -> None:
    schedule = Schedule(when="30 15 * * 1-5", timezone="America/New_York", exchange="NYSE")
    assert upcoming(schedule, utc(2026, 11, 25, 12, 0), count=2) == [
        utc(2026, 11, 25, 20, 30),
        utc(2026, 11, 27, 20, 30),
    ]


def test_a_due_time_itself_is_not_the_next_one() -> None:
    schedule = Schedule(when="at XETRA open")
    due = next_due(schedule, utc(2026, 11, 20))
    assert due == utc(2026, 11, 20, 8, 0)
    assert next_due(schedule, due) == utc(2026, 11, 23, 8, 0)


def test_the_list_of_due_times_ends_with_the_calendar() -> None:
    shanghai = calendar("XSHG")
    end = datetime.fromtimestamp(shanghai.close_list[-1] / 1000, UTC)
    assert upcoming(Schedule(when="at XSHG close"), end - timedelta(hours=1)) == [end]


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"when": "0 0 30 2 *"}, "when: '0 0 30 2 [*]' never fires, because no date matches"),
        ({"when": "0 9 * * 6", "exchange": "NYSE"}, "no date with a session of NYSE matches"),
        ({"when": "0 25 * * *"}, "when: The hour field of the cron line is '25'"),
        ({"when": "30 minutes befor NYSE close"}, "when: .* Did you mean 'before'"),
        ({"when": "at NYSE open", "exchange": "LSE"}, "leave `exchange` empty"),
        ({"when": "every now and then"}, "when: A cron line has five fields .* a phrase such as"),
        ({"when": "0 9 * * *", "timezone": "America/NewYork"}, "mean 'America/New_York'"),
        ({"when": "0 9 * * *", "timezone": "Mars"}, "timezone: no time zone is named 'Mars'"),
        ({"when": "0 9 * * *", "exchange": "XETRAA"}, "exchange: No exchange .* mean 'XETRA'"),
        ({"when": "at {braces} open"}, "No exchange is named '{braces}'"),
        ({"when": "0 9 * * *", "missed": "later"}, "missed"),
        ({"when": "0 9 * * *", "run_if_late_minutes": 0}, "run_if_late_minutes"),
        ({"when": "0 9 * * *", "typo": 1}, "typo"),
    ],
)
def test_a_wrong_schedule_is_refused_with_field_and_mend(
    fields: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Schedule(**fields)


def test_a_phrase_may_repeat_its_own_exchange() -> None:
    assert Schedule(when="at NYSE open", exchange="NASDAQ").exchange == "NASDAQ"


def test_blanks_are_tidied() -> None:
    assert Schedule(when="  30  15 * *   1-5 ").when == "30 15 * * 1-5"


@pytest.mark.parametrize(
    ("missed", "minutes_late", "expected"),
    [
        ("skip", 0, False),
        ("skip", 2, False),
        ("skip", 3, True),
        ("run", 3, False),
        ("run", 45, False),
        ("run", 46, True),
    ],
)
def test_a_late_run_is_missed_by_the_policy(missed: str, minutes_late: int, expected: bool) -> None:
    schedule = Schedule.model_validate(
        {"when": "0 9 * * *", "missed": missed, "run_if_late_minutes": 45}
    )
    due = utc(2026, 11, 20, 9, 0)
    assert is_missed(schedule, due, due + timedelta(minutes=minutes_late)) is expected


def test_a_schedule_is_told_in_plain_words() -> None:
    schedule = Schedule(when="30 minutes before NYSE close", missed="run", run_if_late_minutes=20)
    assert explain(schedule) == (
        "30 minutes before the close of each session of XNYS, the early close on half days."
        " If it could not be served it runs up to 20 minutes late."
    )
    cron = Schedule(when="0 9 * * mon-fri", timezone="Europe/Berlin")
    assert explain(cron) == (
        "At 09:00 (Europe/Berlin) on Monday to Friday."
        " A due time that could not be served is skipped."
    )


@given(
    st.sampled_from(["30 minutes before NYSE close", "at LSE open", "*/20 * * * *", "5 9 * * 1-5"]),
    st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe"]),
    st.integers(0, 10 * 365 * 24 * 60),
)
@settings(max_examples=80)
def test_due_times_rise_and_do_not_depend_on_where_one_starts(
    when: str, zone: str, offset: int
) -> None:
    schedule = Schedule(when=when, timezone=zone)
    start = utc(2024, 1, 1) + timedelta(minutes=offset)
    due_times = upcoming(schedule, start)
    assert len(due_times) == 5
    assert due_times == sorted(set(due_times))
    assert due_times[0] > start
    assert upcoming(schedule, due_times[1], count=3) == due_times[2:]


def test_a_schedule_survives_json() -> None:
    schedule = Schedule(when="0 9 * * 1-5", timezone="Europe/Berlin", exchange="XETRA")
    assert Schedule.model_validate_json(schedule.model_dump_json()) == schedule
