"""Users' own prices."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from backend.papergateway.prices.calendar import Sessions
from backend.papergateway.prices.history import History


@dataclass
class Table:
    symbol: str
    first_day: date
    notes: list[str]


def read_all(files: Sequence[Path], taken: Collection[str]) -> list[Table]:
    return []


def history(table: Table, sessions: Sessions) -> History:
    raise NotImplementedError
