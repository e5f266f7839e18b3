"""Numbers as a chart stores and prints them."""

import math
from collections.abc import Iterable

import numpy as np

from backend.core.values import FloatArray


def decimals(values: FloatArray) -> int:
    """Digits after the point that keep at least seven significant ones of the largest value."""
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max()) if len(finite) else 0.0
    return max(2, 6 - math.floor(math.log10(largest))) if largest > 0 else 2


def plain(values: FloatArray) -> list[float | None]:
    """A list for JSON: rounded, and null where there is no number."""
    rounded = np.round(values, decimals(values))
    return [value if math.isfinite(value) else None for value in rounded.tolist()]


def price(value: float) -> str:
    """`187.32`, `0.00412`, `48,120`: as a price axis prints it."""
    if not math.isfinite(value):
        return "-"
    size = abs(value)
    digits = 0 if size >= 10_000 else 2 if size >= 1 or size == 0 else 4 if size >= 0.01 else 6
    return f"{value:,.{digits}f}"


def short(value: float) -> str:
    """`5.2M` for volumes, else as a price."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "K")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'K' else size):,.2f}{letter}"
    return price(value)


def last(values: FloatArray) -> float:
    return float(values[-1]) if len(values) else math.nan


def span(arrays: Iterable[FloatArray]) -> tuple[float, float]:
    """Lowest and highest number of all; (0, 1) when there is none."""
    joined = np.concatenate([np.asarray(array, dtype=np.float64) for array in arrays])
    finite = joined[np.isfinite(joined)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
