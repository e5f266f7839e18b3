from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from backend.core.clock import (
    ManualClock,
    SimulatedClock,
    SystemClock,
    from_ms,
    machine_clock,
    real_seconds,
    to_ms,
)

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


def test_a_simulated_clock_begins_where_it_is_told_and_never_goes_back() -> None:
    clock = SimulatedClock(start=NOON, speed=600, begun_at=SystemClock().now())
    first, second = clock.now(), clock.now()
    assert NOON <= first <= second
    assert second - NOON < timedelta(hours=1)


def test_processes_that_are_told_the_same_agree_on_a_simulated_time() -> None:
    begun_at = SystemClock().now() - timedelta(seconds=10)
    one = SimulatedClock(start=NOON, speed=60, begun_at=begun_at)
    other = SimulatedClock.model_validate_json(one.model_dump_json())
    assert abs(other.now() - one.now()) < timedelta(seconds=5)
    assert one.now() - NOON >= timedelta(minutes=10)


def test_a_new_speed_goes_on_without_a_jump() -> None:
    clock = SimulatedClock(start=NOON, speed=60, begun_at=SystemClock().now())
    slower = clock.at_speed(1)
    assert abs(slower.now() - clock.now()) < timedelta(seconds=5)


def test_what_concerns_the_machine_goes_by_its_own_clock() -> None:
    simulated = SimulatedClock(start=NOON, speed=60, begun_at=SystemClock().now())
    assert isinstance(machine_clock(simulated), SystemClock)
    assert real_seconds(simulated, 60) == 1
    moved_by_hand = ManualClock(NOON)
    assert machine_clock(moved_by_hand) is moved_by_hand
    assert real_seconds(moved_by_hand, 60) == 60


@given(MOMENTS)
def test_milliseconds_are_rounded_down_to_the_moment(moment: datetime) -> None:
    there_and_back = from_ms(to_ms(moment))
    assert timedelta(0) <= moment - there_and_back < timedelta(milliseconds=1)


@given(st.integers(0, 4_102_444_800_000))
def test_milliseconds_survive_the_way_there_and_back(milliseconds: int) -> None:
    assert to_ms(from_ms(milliseconds)) == milliseconds


def test_half_a_millisecond_before_the_close_is_still_before_it() -> None:
    assert to_ms(NOON - timedelta(microseconds=500)) == to_ms(NOON) - 1
