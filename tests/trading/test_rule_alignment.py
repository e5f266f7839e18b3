from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.errors import InvalidInput
from backend.trading.rules import align


def test_a_bar_sees_the_last_value_that_was_closed_by_then() -> None:
    days, weeks = np.array([1, 2, 3, 4, 5, 6]), np.array([3, 5])
    aligned = align(days, weeks, np.array([10.0, 20.0]))
    assert aligned[2:].tolist() == [10, 10, 20, 20]
    assert np.isnan(aligned[:2]).all()


def test_nothing_closed_gives_nothing_known() -> None:
    assert np.isnan(align(np.array([1, 2]), np.array([], dtype=np.int64), np.array([]))).all()


@pytest.mark.parametrize("times", [[2, 1], [1, 1]])
def test_times_out_of_order_are_refused(times: list[int]) -> None:
    with pytest.raises(InvalidInput, match="must ascend"):
        align(np.array([1]), np.array(times), np.array([1.0, 2.0]))


def test_values_and_times_of_different_length_are_refused() -> None:
    with pytest.raises(InvalidInput, match="2 values came with 1 closing times"):
        align(np.array([1]), np.array([1]), np.array([1.0, 2.0]))


moments = st.lists(st.integers(0, 30), unique=True, max_size=8).map(sorted)


@given(moments, moments, st.integers(0, 30))
def test_alignment_never_looks_ahead(primary: list[int], other: list[int], now: int) -> None:
    values = np.array(other, dtype=np.float64)
    aligned = align(np.array(primary, dtype=np.int64), np.array(other, dtype=np.int64), values)
    for moment, seen in zip(primary, aligned, strict=True):
        closed = [time for time in other if time <= moment]
        assert (isnan(seen) and not closed) or seen == closed[-1]
    past = [time for time in other if time <= now]
    again = align(
        np.array([time for time in primary if time <= now], dtype=np.int64),
        np.array(past, dtype=np.int64),
        np.array(past, dtype=np.float64),
    )
    np.testing.assert_array_equal(again, aligned[: len(again)])
