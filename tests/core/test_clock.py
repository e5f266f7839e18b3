from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from backend.core.clock import ManualClock, ScaledClock, SystemClock, from_ms, to_ms

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MOMENTS = st.timedeltas(timedelta(0), timedelta(days=43_830)).map(
    lambda since: datetime(1980, 1, 1, tzinfo=UTC) + since
)


def test_the_machines_clock_knows_its_zone() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_a_manual_clock_stands_until_it_is_moved() -> None:
    clock = ManualClock(NOON)
    assert clock.now() == clock.now() == NOON
    clock.advance(minutes=5, seconds=1)
    assert clock.now() == NOON + timedelta(seconds=301)


def test_a_scaled_clock_begins_where_it_is_told_and_never_goes_back() -> None:
    clock = ScaledClock(NOON, speed=1_000_000)
    first, second = clock.now(), clock.now()
    assert NOON <= first <= second
    # A million seconds pass in one: the few microseconds between two looks show.
    assert second > first


def test_a_scaled_clock_of_speed_zero_stands_still() -> None:
    assert ScaledClock(NOON, speed=0).now() == NOON


@given(MOMENTS)
def test_milliseconds_are_rounded_down_to_the_moment(moment: datetime) -> None:
    there_and_back = from_ms(to_ms(moment))
    assert timedelta(0) <= moment - there_and_back < timedelta(milliseconds=1)


@given(st.integers(0, 4_102_444_800_000))
def test_milliseconds_survive_the_way_there_and_back(milliseconds: int) -> None:
    assert to_ms(from_ms(milliseconds)) == milliseconds


def test_half_a_millisecond_before_the_close_is_still_before_it() -> None:
    assert to_ms(NOON - timedelta(microseconds=500)) == to_ms(NOON) - 1
