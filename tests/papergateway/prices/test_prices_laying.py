from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.values import IntArray
from backend.papergateway.prices.calendar import Sessions
from backend.papergateway.prices.history import History, built_in
from backend.papergateway.prices.laying import lay
from backend.papergateway.prices.market import SHIFT_WEEKS
from backend.papergateway.prices.pairing import QUIET, match, pair

SESSIONS = Sessions("XNYS", date(2014, 1, 1), date(2029, 12, 31))
MONDAY = date(2026, 6, 1).toordinal()


def index_of(iso: str) -> int:
    index = SESSIONS.index_of(date.fromisoformat(iso))
    assert index is not None
    return index


def days(*offsets: int) -> IntArray:
    return np.array([MONDAY + offset for offset in offsets])


def history(closes: list[int]) -> History:
    price = np.array(closes)
    return History(
        days=days(*range(len(closes))),
        open=price - 10,
        high=price + 20,
        low=price - 20,
        close=price,
        volume=np.full(len(closes), 1000),
    )


def test_a_holiday_joins_its_day_to_the_next_session() -> None:
    assert match([1, 2, 3, 4, 5], [1, 2, 3, 5]) == [(0, 0), (1, 1), (2, 2), (3, 4)]


def test_a_holiday_at_the_end_of_the_week_joins_its_day_to_the_last_session() -> None:
    assert match([1, 2, 3, 4, 5], [1, 2, 3, 4]) == [(0, 0), (1, 1), (2, 2), (3, 4)]


def test_a_session_without_a_day_is_quiet() -> None:
    assert match([2, 3, 4, 5], [1, 2, 3, 4, 5]) == [None, (0, 0), (1, 1), (2, 2), (3, 3)]


def test_another_holiday_in_the_same_week_moves_the_days_between() -> None:
    assert match([1, 2, 3, 4], [2, 3, 4, 5]) == [(0, 0), (1, 1), (2, 2), (3, 3)]


def test_weeks_that_come_out_even_together_keep_every_day_whole() -> None:
    data, sessions = days(0, 1, 2, 3, 4, 8, 9, 10, 11), days(1, 2, 3, 4, 7, 8, 9, 10, 11)

    first, last = pair(data, sessions)

    assert first.tolist() == last.tolist() == list(range(9))


@settings(max_examples=60)
@given(
    rows=st.sets(st.integers(0, 6), min_size=1).map(sorted),
    sessions=st.sets(st.integers(0, 4), min_size=1).map(sorted),
)
def test_no_day_of_a_week_is_lost_or_served_twice(rows: list[int], sessions: list[int]) -> None:
    spans = match(rows, sessions)

    served = [row for span in spans if span for row in range(span[0], span[1] + 1)]
    assert served == list(range(len(rows)))
    assert len(spans) == len(sessions)


def test_all_but_twenty_real_days_are_served_whole() -> None:
    laid = lay(built_in("AAPL"), SESSIONS, SHIFT_WEEKS)
    lap = laid.has & (SESSIONS.days <= date(2027, 3, 5).toordinal())

    assert lap.sum() == 3270
    assert (laid.row[lap] >= 0).sum() == 3250
    assert len(set(laid.row[lap & (laid.row >= 0)].tolist())) == 3250


def test_weekdays_stay_outside_of_holiday_weeks() -> None:
    real = built_in("AAPL")
    laid = lay(real, SESSIONS, SHIFT_WEEKS)
    whole = laid.row >= 0

    moved = SESSIONS.days[whole] - real.days[laid.row[whole]] - 7 * SHIFT_WEEKS

    assert (moved == 0).mean() > 0.88
    assert np.abs(moved).max() <= 4


def test_september_11th_left_four_quiet_days() -> None:
    laid = lay(built_in("IBM"), SESSIONS, SHIFT_WEEKS)
    quiet = slice(index_of("2015-09-15"), index_of("2015-09-18") + 1)

    assert laid.row[quiet].tolist() == [-1] * 4
    assert laid.open[quiet.start] == laid.close[quiet.start - 1]
    assert laid.close[quiet.stop - 1] == laid.open[quiet.stop]
    assert (laid.volume[quiet] < laid.volume[quiet.start - 1]).all()


def test_juneteenth_joins_two_real_days() -> None:
    real = built_in("MSFT")
    laid, joined = lay(real, SESSIONS, SHIFT_WEEKS), index_of("2024-06-20")
    before = int(laid.row[joined - 1])
    pair_of_days = slice(before + 1, before + 3)

    assert laid.row[joined] == -1
    assert laid.open[joined] == real.open[pair_of_days][0]
    assert laid.high[joined] == real.high[pair_of_days].max()
    assert laid.low[joined] == real.low[pair_of_days].min()
    assert laid.close[joined] == real.close[pair_of_days][1]
    assert laid.volume[joined] == real.volume[pair_of_days].sum()
    assert laid.row[joined + 1] == before + 3


def test_the_second_lap_is_upside_down_and_joins_without_a_jump() -> None:
    laid = lay(history([1000, 1100, 1200, 1300, 1500]), SESSIONS, 0)
    first = index_of("2026-06-01")

    week, turned, again = (slice(first + start, first + start + 5) for start in (0, 5, 10))

    assert laid.open[turned.start] == laid.close[week.stop - 1] == 1500
    assert laid.close[turned].tolist() == [round(1500 * 990 / close) for close in laid.close[week]]
    assert laid.high[turned].tolist() == [round(1500 * 990 / low) for low in laid.low[week]]
    # Juneteenth 2026 is a Friday: the third lap's last day joins the Thursday.
    assert laid.close[again][:3].tolist() == [1000, 1100, 1200]
    assert laid.close[again][3] == 1500


def test_a_week_without_data_stays_empty() -> None:
    real = history([1000, 1100])
    gap = History(**{**vars(real), "days": days(0, 15)})

    laid = lay(gap, SESSIONS, 0)

    first = index_of("2026-06-01")
    assert laid.has[first : first + 15].tolist() == [True] * 5 + [False] * 5 + [True] * 4 + [True]
    assert laid.prior[first + 10] == laid.close[first + 4]


@pytest.mark.parametrize("symbol", ["AAPL", "FB", "GOOG"])
def test_every_session_of_every_lap_has_a_sound_shape(symbol: str) -> None:
    laid = lay(built_in(symbol), SESSIONS, SHIFT_WEEKS)
    o, h, low, c = (column[laid.has] for column in (laid.open, laid.high, laid.low, laid.close))

    assert (low >= 1).all()
    assert (low <= np.minimum(o, c)).all()
    assert (h >= np.maximum(o, c)).all()
    assert laid.has[int(laid.has.argmax()) :].all()


def test_facebook_has_a_hundred_days_behind_and_some_ahead_in_november_2026() -> None:
    laid = lay(built_in("FB"), SESSIONS, SHIFT_WEEKS)
    today = index_of("2026-11-20")

    assert laid.has[: today + 1].sum() >= 100
    assert (laid.row[today + 1 :] >= 0).sum() >= 60


def test_quiet_is_not_a_row() -> None:
    first, last = pair(days(0, 1, 2, 4), days(0, 1, 2, 3, 4))

    assert first.tolist() == last.tolist() == [0, 1, 2, QUIET, 3]
