"""Bring a series of another timeframe onto the bars of the primary one."""

import numpy as np

from backend.core.errors import InvalidInput
from backend.core.values import FloatArray, IntArray


def align(
    primary_close_times_ms: IntArray, other_close_times_ms: IntArray, values: FloatArray
) -> FloatArray:
    """
    For each primary bar the last value whose own bar was closed by then; NaN before the first.

    Times are when bars close, in UTC ms, ascending: a week that is still running on Wednesday is
    not seen by Wednesday's bar. Raises `InvalidInput` for times out of order or of another length.
    """
    if len(other_close_times_ms) != len(values):
        raise InvalidInput(
            f"{len(values)} values came with {len(other_close_times_ms)} closing times."
        )
    if np.any(np.diff(other_close_times_ms) <= 0):
        raise InvalidInput("The closing times of a timeframe must ascend, each bar once.")
    closed = np.searchsorted(other_close_times_ms, primary_close_times_ms, side="right")
    # A leading NaN stands for "nothing closed yet".
    return np.concatenate(([np.nan], values))[closed]
