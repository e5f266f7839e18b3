"""The indicators of an execution with their last value and their course, from the kept series."""

from dataclasses import dataclass
from typing import Any

import orjson

from backend.core.errors import AppError
from backend.storage.base import Storage

POINTS = 60
"""The newest values that a small plot shows."""


@dataclass(frozen=True, kw_only=True)
class Row:
    name: str
    last: float | None
    before: float | None
    """One bar earlier."""
    course: list[float | None]


def series_table(storage: Storage, facts: dict[str, Any]) -> tuple[dict[str, list[Row]], list[str]]:
    """Timeframe -> rows; and why a timeframe's course cannot be shown, where its bytes are lost."""
    table: dict[str, list[Row]] = {}
    lost = []
    for timeframe, ref in (facts.get("series") or {}).items():
        try:
            series = orjson.loads(storage.get(ref["sha256"]))["series"]
        except AppError as error:
            lost.append(f"{timeframe}: {error.message}")
            continue
        table[timeframe] = [_row(name, values) for name, values in series.items()]
    return table, lost


def _row(name: str, values: list[float | None]) -> Row:
    last = values[-1] if values else None
    before = values[-2] if len(values) > 1 else None
    return Row(name=name, last=last, before=before, course=values[-POINTS:])
