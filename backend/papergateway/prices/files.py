"""
A symbol from a user's own file of prices.

Refused: missing columns, values that are empty, no number or no date, prices under a cent,
negative volume, a high below its low, an open or close outside them, two different rows for one
time. Accepted with a note: rows out of order (sorted), identical rows (kept once), missing sessions
or minutes (see `pairing` and `tape`), daily rows on days without a session (laid on one near them),
intraday rows outside regular hours and rows before the calendar begins (left out), fractions of
cents and shares (rounded).
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from backend.core.values import IntArray
from backend.papergateway.prices import file_columns
from backend.papergateway.prices.calendar import DAY_MS, EARLIEST, EPOCH_ORDINAL
from backend.papergateway.prices.file_columns import NUMBERS, PRICES, Columns, refuse
from backend.papergateway.prices.history import to_ticks

_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.]{0,11}")


@dataclass(kw_only=True)
class Table:
    """
    A file's rows in order of time, none twice; prices in ticks.

    `time` is New York's wall clock in ms. `notes` grow while the file is being laid.
    """

    path: Path
    symbol: str
    time: IntArray
    numbers: dict[str, IntArray]
    notes: list[str] = field(default_factory=list)

    @property
    def days(self) -> IntArray:
        return self.time // DAY_MS + EPOCH_ORDINAL

    @property
    def first_day(self) -> date:
        return date.fromordinal(int(self.days[0]))

    @property
    def last_day(self) -> date:
        return date.fromordinal(int(self.days[-1]))

    def note(self, text: str) -> None:
        self.notes.append(f"{self.path.name}: {text}")


def read_all(paths: Sequence[Path], built_in: Collection[str]) -> list[Table]:
    """Raises `InvalidInput` for a file that cannot be used and for a symbol that is taken."""
    tables: list[Table] = []
    for path in paths:
        taken = {table.symbol: table.path.name for table in tables}
        taken |= dict.fromkeys(built_in, "the built-in prices")
        tables.append(_read(path, taken))
    return tables


def _read(path: Path, taken: dict[str, str]) -> Table:
    symbol = path.stem.strip().upper()
    if not _SYMBOL.fullmatch(symbol):
        fault = "the file's name must be the symbol, up to 12 letters, digits or dots: TSLA.csv."
        refuse(path, fault)
    if symbol in taken:
        refuse(path, f"the symbol {symbol} is taken by {taken[symbol]}; rename the file.")
    columns = file_columns.read(path)
    order = np.argsort(columns.time, kind="stable")
    kept = order[_first_of_twins(path, columns, order)]
    known = kept[columns.time[kept] >= (EARLIEST.toordinal() - EPOCH_ORDINAL) * DAY_MS]
    if not len(known):
        refuse(path, f"all rows are older than {EARLIEST}; give later ones.", column="date")
    table = Table(
        path=path, symbol=symbol, time=columns.time[known], numbers=_whole(columns, known)
    )
    if early := len(kept) - len(known):
        table.note(f"{early} rows before {EARLIEST} were left out.")
    _note_remarks(table, columns, len(kept))
    return table


def _first_of_twins(path: Path, columns: Columns, order: IntArray) -> IntArray:
    """Which of the ordered rows to keep; refuses two different rows for one time."""
    same_time = np.diff(columns.time[order]) == 0
    values = np.stack([columns.numbers[name][order] for name in NUMBERS])
    differs = same_time & (np.diff(values, axis=1) != 0).any(axis=0)
    if differs.any():
        at = int(differs.argmax())
        first, second = sorted(columns.row[order[at : at + 2]].tolist())
        fault = f"it differs from row {first}, which has the same time; keep one of the two."
        refuse(path, fault, row=second, column="date")
    return np.flatnonzero(np.append(True, ~same_time))


def _whole(columns: Columns, kept: IntArray) -> dict[str, IntArray]:
    ticks = {name: to_ticks(columns.numbers[name][kept]) for name in PRICES}
    for name in ("open", "close"):
        ticks[name] = np.clip(ticks[name], ticks["low"], ticks["high"])
    return {**ticks, "volume": np.rint(columns.numbers["volume"][kept]).astype(np.int64)}


def _note_remarks(table: Table, columns: Columns, kept: int) -> None:
    backwards = np.diff(columns.time) < 0
    if backwards.any():
        row = columns.row[1:][backwards][0]
        table.note(f"rows were not in order of time (first at row {row}); they were sorted.")
    if twins := len(columns.time) - kept:
        table.note(f"{twins} rows were there twice; each was kept once.")
    if columns.unused:
        table.note(f"columns {', '.join(columns.unused)} are not used.")
    if not columns.is_zoned and (columns.time % DAY_MS).any():
        table.note("times name no zone; they were taken as New York time.")
    prices = np.stack([columns.numbers[name] for name in PRICES]) * 100
    if (np.abs(prices - np.rint(prices)) > 1e-4).any():
        table.note("prices were rounded to the cent.")
    volume = columns.numbers["volume"]
    if (volume != np.rint(volume)).any():
        table.note("volumes were rounded to whole shares.")
