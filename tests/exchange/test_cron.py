from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.errors import InvalidInput
from backend.exchange import cron
from backend.exchange.calendars import calendar

ZONES = [
    "America/New_York",
    "Europe/London",
    "Europe/Berlin",
    "Australia/Lord_Howe",  # half an hour of summer time
    "America/Santiago",  # changes at midnight
    "Africa/Cairo",  # changes at midnight
    "Asia/Kathmandu",  # never changes, 5:45 ahead
    "America/St_Johns",  # until 2011 at one minute past midnight
    "Pacific/Apia",  # left out a whole day in 2011
    "UTC",
]

zones = st.sampled_from(ZONES)
times_of_day = st.tuples(st.integers(0, 59), st.integers(0, 23))
# Hypothesis wants its bounds without a zone.
first, last = datetime.fromisoformat("2005-01-01"), datetime.fromisoformat("2036-12-31")
moments = st.datetimes(first, last, timezones=st.just(UTC))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def next_ones(line: str, zone: str, after: datetime, count: int) -> list[datetime]:
    parsed = cron.parse(line, zone, None)
    found: list[datetime] = []
    while len(found) < count:
        due = cron.next_moment(parsed, after)
        assert due is not None
        found.append(due)
        after = due
    return found


def near_changes(zone: str, year: int) -> list[datetime]:
    """Moments a day ahead of each change of the zone's clocks in a year."""
    hours = (utc(year, 1, 1) + timedelta(hours=hour) for hour in range(365 * 24))
    place = ZoneInfo(zone)
    return [
        before - timedelta(days=1)
        for before, after in pairwise(hours)
        if before.astimezone(place).utcoffset() != after.astimezone(place).utcoffset()
    ]


CHANGES = [(zone, moment) for zone in ZONES for moment in near_changes(zone, 2027)]


def test_a_skipped_local_time_fires_once_at_the_first_valid_moment() -> None:
    after = utc(2026, 3, 8, 0, 0)
    assert next_ones("30 2 * * *", "America/New_York", after, 2) == [
        utc(2026, 3, 8, 7, 0),  # 03:00 summer time, the moment of the change
        utc(2026, 3, 9, 6, 30),
    ]


def test_a_repeated_local_time_fires_at_its_first_occurrence_only() -> None:
    after = utc(2026, 11, 1, 0, 0)
    assert next_ones("30 1 * * *", "America/New_York", after, 2) == [
        utc(2026, 11, 1, 5, 30),
        utc(2026, 11, 2, 6, 30),
    ]


@pytest.mark.parametrize("start", [utc(2026, 3, 8, 5, 0), utc(2026, 11, 1, 4, 0)])
def test_an_interval_keeps_firing_in_real_time(start: datetime) -> None:
    found = next_ones("*/15 * * * *", "America/New_York", start, 20)
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=15)}


def test_a_night_that_is_repeated_across_midnight_is_told_in_order() -> None:
    # Newfoundland went from 00:01 on 7 November 2010 back to 23:01 on the 6th.
    start = utc(2010, 11, 7, 1, 0)
    found = next_ones("*/15 * * * *", "America/St_Johns", start, 20)
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=15)}
    assert next_ones("0 0 * * *", "America/St_Johns", start, 2) == [
        utc(2010, 11, 7, 2, 30),
        utc(2010, 11, 8, 3, 30),
    ]


def test_half_an_hour_of_summer_time_is_handled_alike() -> None:
    # Lord Howe skips 02:00 to 02:30 on 4 October 2026 and repeats 01:30 to 02:00 on 5 April.
    assert next_ones("15 2 * * *", "Australia/Lord_Howe", utc(2026, 10, 3), 1) == [
        utc(2026, 10, 3, 15, 30)
    ]
    assert next_ones("45 1 * * *", "Australia/Lord_Howe", utc(2026, 4, 4), 2) == [
        utc(2026, 4, 4, 14, 45),
        utc(2026, 4, 5, 15, 15),
    ]


def test_a_day_that_a_zone_left_out_fires_as_the_next_day_begins() -> None:
    # Samoa went from 29 to 31 December 2011.
    assert next_ones("0 9 30 12 *", "Pacific/Apia", utc(2011, 12, 1), 1) == [
        utc(2011, 12, 30, 10, 0)
    ]


@given(st.sampled_from(CHANGES), times_of_day)
@settings(max_examples=150, deadline=None)
def test_a_daily_time_fires_once_for_every_local_day(
    change: tuple[str, datetime], at: tuple[int, int]
) -> None:
    zone, start = change
    minute, hour = at
    found = next_ones(f"{minute} {hour} * * *", zone, start, 4)
    days = [due.astimezone(ZoneInfo(zone)).date() for due in found]
    assert days == [days[0] + timedelta(days=number) for number in range(4)]


@given(st.sampled_from(CHANGES), times_of_day)
@settings(max_examples=150, deadline=None)
def test_a_daily_time_fires_at_the_earliest_moment_that_is_not_before_it(
    change: tuple[str, datetime], at: tuple[int, int]
) -> None:
    zone, start = change
    minute, hour = at
    for due in next_ones(f"{minute} {hour} * * *", zone, start, 3):
        local = due.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        wanted = datetime.combine(local.date(), datetime.min.time()).replace(
            hour=hour, minute=minute
        )
        just_before = (due - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert just_before < wanted <= local


@given(st.sampled_from(CHANGES), st.sampled_from([1, 5, 15, 20, 30]))
@settings(max_examples=60, deadline=None)
def test_an_interval_fires_at_every_minute_that_matches_and_no_other(
    change: tuple[str, datetime], step: int
) -> None:
    zone, start = change
    found = next_ones(f"*/{step} * * * *", zone, start + timedelta(hours=21), 40)
    minutes = int((found[-1] - found[0]) / timedelta(minutes=1))
    every = (found[0] + timedelta(minutes=number) for number in range(minutes + 1))
    assert found == [m for m in every if m.astimezone(ZoneInfo(zone)).minute % step == 0]


@given(
    zones,
    moments,
    st.sampled_from(
        [
            "30 15 * * 1-5",
            "*/7 9-16 * * *",
            "0 0 L * *",
            "5 4 1,15 * 5",
            "0 12 * 2 mon",
            "0 6 29 2 *",
        ]
    ),
)
@settings(max_examples=150, deadline=None)
def test_away_from_changes_croniter_agrees(zone: str, after: datetime, line: str) -> None:
    due = cron.next_moment(cron.parse(line, zone, None), after)
    assert due is not None
    place = ZoneInfo(zone)
    around = {
        (due + timedelta(days=days)).astimezone(place).utcoffset() for days in (-2, -1, 0, 1, 2)
    } | {(after + timedelta(days=days)).astimezone(place).utcoffset() for days in (-2, 0, 2)}
    if len(around) == 1:
        assert croniter(line, after.astimezone(place)).get_next(datetime) == due


@given(zones, moments, st.sampled_from(["30 15 * * 1-5", "*/7 9-16 * * *", "17 * * * *"]))
@settings(max_examples=100, deadline=None)
def test_the_next_moment_lies_strictly_behind_and_none_is_left_out(
    zone: str, after: datetime, line: str
) -> None:
    parsed = cron.parse(line, zone, None)
    due = cron.next_moment(parsed, after)
    assert due is not None
    assert due > after
    assert cron.next_moment(parsed, due - timedelta(microseconds=1)) == due
    assert cron.next_moment(parsed, after + (due - after) / 2) == due


@given(moments)
@settings(max_examples=60, deadline=None)
def test_on_an_exchange_only_days_with_a_session_count(after: datetime) -> None:
    nyse = calendar("NYSE")
    due = cron.next_moment(cron.parse("30 15 * * *", "America/New_York", "NYSE"), after)
    assert due is not None
    days = [after.astimezone(nyse.zone).date() + timedelta(days=number) for number in range(12)]
    candidates = [datetime(day.year, day.month, day.day, 15, 30, tzinfo=nyse.zone) for day in days]
    first = next(m for m in candidates if m > after and m.date() in nyse.row_of_date)
    assert due == first.astimezone(UTC)


def test_the_date_that_counts_is_the_one_at_the_exchange() -> None:
    # 00:30 on Saturday in Tokyo is Friday morning in New York.
    parsed = cron.parse("30 0 * * 6", "Asia/Tokyo", "NYSE")
    assert cron.next_moment(parsed, utc(2026, 11, 17)) == utc(2026, 11, 20, 15, 30)


def test_nothing_is_due_behind_the_end_of_a_calendar() -> None:
    assert cron.next_moment(cron.parse("0 9 * * *", "UTC", "NYSE"), utc(2060, 1, 1)) is None


def test_a_date_that_never_comes_is_never_due() -> None:
    assert cron.next_moment(cron.parse("0 9 30 2 *", "UTC", None), utc(2026, 1, 1)) is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("0 25 * * *", r"hour field of the cron line is '25', but it goes from 0 to 23"),
        ("61 * * * *", "minute field .* goes from 0 to 59"),
        ("0 9 0 * *", "day field .* goes from 1 to 31"),
        ("0 9 * foo *", "month field .* goes from 1 to 12 or jan to dec"),
        ("0 9 * * 8", "weekday field .* goes from 0 "),
        ("*/90 * * * *", "a step of 90 never comes round"),
        ("R * * * *", "cannot be random"),
        ("H(0-5) * * * *", "cannot be random"),
        ("0 9 * *", "has five fields .* has 4"),
        ("0 9 * * * *", "has five fields .* has 6"),
    ],
)
def test_a_bad_line_is_refused_with_the_field_at_fault(line: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        cron.parse(line, "UTC", None)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("30 15 * * 1-5", "At 15:30 (UTC) on Monday to Friday"),
        ("*/15 * * * *", "Every 15 minutes of every hour (UTC) every day"),
        ("0 9,16 * * *", "At 09:00 and 16:00 (UTC) every day"),
        (
            "*/5 9-16 1 * fri",
            "Every 5 minutes of the hours 9-16 (UTC) on day 1 of the month or Fridays",
        ),
    ],
)
def test_a_line_is_told_in_plain_words(line: str, words: str) -> None:
    assert cron.explain(cron.parse(line, "UTC", None)) == words


def test_a_session_day_is_part_of_the_words() -> None:
    words = cron.explain(cron.parse("0 9 * * *", "UTC", "nyse"))
    assert words == "At 09:00 (UTC) every day, when XNYS has a session"


def test_changes_of_the_clocks_were_found_for_this_test() -> None:
    assert {zone for zone, _ in CHANGES} >= {"America/New_York", "Australia/Lord_Howe"}
    assert date(2027, 3, 13) in {moment.date() for _, moment in CHANGES}
