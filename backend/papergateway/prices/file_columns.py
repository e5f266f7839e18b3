"""Reads a CSV or Parquet file into checked columns; every fault names file, row and column."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backend.core.errors import InvalidInput, did_you_mean
from backend.core.values import FloatArray, IntArray

PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "volume")
_TIMES = ("date", "time", "datetime", "timestamp")
_NEW_YORK = "America/New_York"
_EARLIEST, _LATEST = pd.Timestamp("1900-01-01"), pd.Timestamp("2100-01-01")
_LARGEST = {**dict.fromkeys(PRICES, 1e8), "volume": 1e14}
_ZONE = re.compile(r":.*(?:Z|[+-]\d\d:?\d\d)$", re.IGNORECASE)
# Adjusted prices of common sources differ from each other in the last digits of a float.
_FLOAT_NOISE = 1e-6
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Columns:
    """
    The rows as they stand in the file, all values sound in themselves.

    `row` is what a spreadsheet shows (a CSV's header is row 1), for Parquet counted from 1;
    `time` is New York's wall clock in ms. `is_zoned` says whether the file named its zone.
    """

    row: IntArray
    time: IntArray
    is_zoned: bool
    numbers: dict[str, FloatArray]
    unused: tuple[str, ...]


def read(path: Path) -> Columns:
    """Raises `InvalidInput`."""
    frame = _load(path)
    frame.columns = pd.Index([str(name).strip().lower() for name in frame.columns])
    _check_names(path, list(frame.columns))
    row = np.asarray(frame.index, dtype=np.int64)
    time, is_zoned = _times(path, row, frame)
    numbers = {name: _numbers(path, row, name, frame[name]) for name in NUMBERS}
    _check_ranges(path, row, numbers)
    unused = tuple(name for name in frame.columns if name not in (*NUMBERS, *_TIMES))
    return Columns(row=row, time=time, is_zoned=is_zoned, numbers=numbers, unused=unused)


def refuse(
    path: Path, fault: str, *, row: int | None = None, column: str | None = None
) -> NoReturn:
    """Raises `InvalidInput`; `fault` is the rest of the sentence and says what to do."""
    place = path.name + (f", row {row}" if row is not None else "")
    place += f", column {column!r}" if column is not None else ""
    raise InvalidInput(f"{place}: {fault}", code="bad_price_file", field=column)


def _load(path: Path) -> pd.DataFrame:
    kind = path.suffix.lower()
    if kind not in (".csv", ".parquet"):
        refuse(path, "prices are read from .csv and .parquet files; convert it to one of them.")
    try:
        frame = _load_csv(path) if kind == ".csv" else _load_parquet(path)
    except FileNotFoundError:
        refuse(path, f"there is no such file at {path}; check the path.")
    except UnicodeDecodeError:
        refuse(path, "the text is not UTF-8; save the file with that encoding.")
    except (OSError, ValueError) as error:
        # pandas' and pyarrow's parser errors are ValueErrors that say what they met.
        refuse(path, f"it cannot be read ({str(error).strip()}); write it anew as {kind[1:]}.")
    if frame.empty:
        refuse(path, "it holds no rows; give at least one day of prices.")
    return frame


def _load_csv(path: Path) -> pd.DataFrame:
    # Text first: what is wrong with a value can only be said while it is still there.
    frame = pd.read_csv(
        path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skip_blank_lines=False
    )
    frame.index = pd.RangeIndex(2, len(frame) + 2)
    return frame[(frame != "").any(axis=1)]


def _load_parquet(path: Path) -> pd.DataFrame:
    frame = pd.read_parquet(path)
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(names=frame.index.name or "date")
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame


def _check_names(path: Path, names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        refuse(path, "there are two columns of this name; leave one out.", column=twice)
    if not any(name in names for name in _TIMES):
        _refuse_missing(path, "date", names)
    for name in NUMBERS:
        if name not in names:
            _refuse_missing(path, name, names)


def _refuse_missing(path: Path, wanted: str, names: Iterable[str]) -> NoReturn:
    found = ", ".join(repr(name) for name in names)
    refuse(
        path,
        f"the column is missing, the file has {found}.{did_you_mean(wanted, names)}"
        " Name the columns date, open, high, low, close, volume, with commas between them.",
        column=wanted,
    )


def _times(path: Path, row: IntArray, frame: pd.DataFrame) -> tuple[IntArray, bool]:
    names = [name for name in _TIMES if name in frame]
    name, values = names[0], frame[names[0]]
    if names[:2] == ["date", "time"]:
        values = values.astype(str) + " " + frame["time"].astype(str)
    zoned, is_zoned = _zoned(path, row, name, values)
    _refuse_first(
        path,
        row,
        name,
        np.asarray(zoned.isna()),
        values,
        "is not a date; write 2024-01-31 or 2024-01-31 09:30.",
    )
    if is_zoned:
        zoned = _wall_clock(zoned)
    outside = np.asarray((zoned < _EARLIEST) | (zoned >= _LATEST))
    _refuse_first(path, row, name, outside, values, "is not between 1900 and 2100; correct it.")
    return np.asarray(zoned.to_numpy().astype("datetime64[ms]").astype(np.int64)), is_zoned


def _zoned(
    path: Path, row: IntArray, name: str, values: "pd.Series[str]"
) -> tuple["pd.Series[pd.Timestamp]", bool]:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values, True  # type: ignore[return-value]
    if pd.api.types.is_datetime64_dtype(values):
        return values, False  # type: ignore[return-value]
    text = values.astype(str).str.strip()
    zones = np.asarray(text.str.contains(_ZONE))
    mixed = zones != zones[0]
    _refuse_first(
        path,
        row,
        name,
        mixed,
        text,
        "has a time zone where others have none, or the reverse; write all times in one way.",
    )
    is_zoned = bool(zones[0])
    return pd.to_datetime(text, format="ISO8601", errors="coerce", utc=is_zoned), is_zoned


def _wall_clock(times: "pd.Series[pd.Timestamp]") -> "pd.Series[pd.Timestamp]":
    """New York's, unless all rows stand at midnight UTC: then they are days, not moments."""
    utc = times.dt.tz_convert("UTC").dt.tz_localize(None)
    if (utc == utc.dt.normalize()).all():
        return utc
    return times.dt.tz_convert(_NEW_YORK).dt.tz_localize(None)


def _numbers(path: Path, row: IntArray, name: str, values: "pd.Series[str]") -> FloatArray:
    empty = np.asarray(values.isna() | (values.astype(str).str.strip() == ""))
    _refuse_first(path, row, name, empty, values, "is empty; fill it in or leave the row out.")
    numbers = np.asarray(pd.to_numeric(values, errors="coerce"), dtype=np.float64)
    _refuse_first(
        path, row, name, ~np.isfinite(numbers), values, "is not a number; write it like 1234.5."
    )
    if name == "volume":
        _refuse_first(path, row, name, numbers < 0, values, "is negative; shares traded cannot be.")
    else:
        _refuse_first(
            path, row, name, numbers < 0.005, values, "is below one cent; prices start at 0.01."
        )
    _refuse_first(
        path, row, name, numbers > _LARGEST[name], values, "is too large; check its unit."
    )
    return numbers


def _check_ranges(path: Path, row: IntArray, numbers: dict[str, FloatArray]) -> None:
    high, low = numbers["high"], numbers["low"]
    fault = "is below the low of its row; check whether the columns are swapped."
    _refuse_first(path, row, "high", high < low * (1 - _FLOAT_NOISE), high, fault)
    for name in ("open", "close"):
        price = numbers[name]
        outside = (price > high * (1 + _FLOAT_NOISE)) | (price < low * (1 - _FLOAT_NOISE))
        fault = "lies outside the low and high of its row; correct the row or leave it out."
        _refuse_first(path, row, name, outside, price, fault)


def _refuse_first(
    path: Path,
    row: IntArray,
    name: str,
    bad: Mask,
    values: "pd.Series[str] | pd.Series[pd.Timestamp] | FloatArray",
    fault: str,
) -> None:
    if bad.any():
        at = int(bad.argmax())
        value = str(np.asarray(values)[at])
        shown = f"{value!r} " if value.strip() else ""
        refuse(path, f"{shown}{fault}", row=int(row[at]), column=name)
