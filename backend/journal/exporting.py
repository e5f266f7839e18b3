"""The journal as a file, written in portions while it is read, however long it is."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from backend.core.database import transaction
from backend.journal.asking import Asked
from backend.journal.finding import AT_ONCE, oldest_first
from backend.journal.rows import RoundTripRow, row_of
from backend.trading.round_trip import PLACES

# Digits enough for any product of two columns of the database; what is told has eight places.
MONEY = pa.decimal128(38, 8)
_TYPES: dict[Any, Any] = {
    int: pa.int64(),
    str: pa.string(),
    float: pa.float64(),
    datetime: pa.timestamp("us", tz="UTC"),
    Decimal: MONEY,
    list[str]: pa.list_(pa.string()),
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"

    @property
    def content_type(self) -> str:
        return "text/csv; charset=utf-8" if self is Format.CSV else "application/vnd.apache.parquet"


def export(asked: Asked, form: Format) -> Iterator[bytes]:
    """
    All that match, the oldest first, as the bytes of a file.

    Reads in a transaction of its own: that of the request is over when the file goes out.
    """
    with transaction() as session:
        rows = map(row_of, oldest_first(session, asked))
        yield from _WRITERS[form](rows)


def as_csv(rows: Iterable[RoundTripRow]) -> Iterator[bytes]:
    """A header and a line for each; moments as ISO 8601 in UTC, tags apart by a blank."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(RoundTripRow.model_fields)
    for portion in _portions(rows):
        writer.writerows([_cell(value) for value in dict(row).values()] for row in portion)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    if text.tell():
        yield text.getvalue().encode()


def _cell(value: Any) -> str:
    if isinstance(value, str):
        # A spreadsheet must not take what somebody wrote for a formula.
        return f"'{value}" if value.startswith(_FORMULA) else str(value)
    if isinstance(value, list):
        return _cell(" ".join(value))
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "" if value is None else str(value)


def as_parquet(rows: Iterable[RoundTripRow]) -> Iterator[bytes]:
    """Money as decimals of eight places, moments in UTC; a row group for each portion."""
    sink = _Drain()
    with parquet.ParquetWriter(sink, SCHEMA, compression="zstd") as writer:
        for portion in _portions(rows):
            writer.write_table(_table(portion))
            yield sink.drained()
    yield sink.drained()


def _table(portion: Iterable[RoundTripRow]) -> Any:
    return pa.Table.from_pylist(
        [{name: _value(value) for name, value in row} for row in portion], schema=SCHEMA
    )


def _value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return value.quantize(PLACES)
    return str(value) if isinstance(value, StrEnum) else value


def _portions(rows: Iterable[RoundTripRow]) -> Iterator[list[RoundTripRow]]:
    left = iter(rows)
    while portion := list(islice(left, AT_ONCE)):
        yield portion


def _type_of(annotation: Any) -> Any:
    """Of a field that may be empty or not; words of ours are strings."""
    for kind, type_ in _TYPES.items():
        if annotation == kind or annotation == kind | None:
            return type_
    return pa.string()


SCHEMA = pa.schema(
    [(name, _type_of(field.annotation)) for name, field in RoundTripRow.model_fields.items()]
)


class _Drain(io.RawIOBase):
    """Takes what the writer writes until somebody carries it off."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        self._held += part
        return len(part)

    def drained(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        return held


_WRITERS: dict[Format, Callable[[Iterable[RoundTripRow]], Iterator[bytes]]] = {
    Format.CSV: as_csv,
    Format.PARQUET: as_parquet,
}
