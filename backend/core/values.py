"""The few values every part of the program speaks of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Timeframe(StrEnum):
    """The length of one bar, in the broker's own words."""

    MIN_1 = "1min"
    MIN_2 = "2min"
    MIN_3 = "3min"
    MIN_5 = "5min"
    MIN_10 = "10min"
    MIN_15 = "15min"
    MIN_30 = "30min"
    HOUR_1 = "1h"
    HOUR_2 = "2h"
    HOUR_3 = "3h"
    HOUR_4 = "4h"
    HOUR_8 = "8h"
    DAY = "1d"
    WEEK = "1w"
    MONTH = "1m"

    @property
    def seconds(self) -> int:
        """Nominal length: a day is 86,400 s, a month 30 days, whatever the exchange's hours."""
        return _SECONDS[self]

    @property
    def is_intraday(self) -> bool:
        return self.seconds < 86_400


_SECONDS = {
    Timeframe.MIN_1: 60,
    Timeframe.MIN_2: 120,
    Timeframe.MIN_3: 180,
    Timeframe.MIN_5: 300,
    Timeframe.MIN_10: 600,
    Timeframe.MIN_15: 900,
    Timeframe.MIN_30: 1_800,
    Timeframe.HOUR_1: 3_600,
    Timeframe.HOUR_2: 7_200,
    Timeframe.HOUR_3: 10_800,
    Timeframe.HOUR_4: 14_400,
    Timeframe.HOUR_8: 28_800,
    Timeframe.DAY: 86_400,
    Timeframe.WEEK: 604_800,
    Timeframe.MONTH: 2_592_000,
}


@dataclass(frozen=True, kw_only=True)
class Bars:
    """
    Bars of one instrument, oldest first, as arrays of equal length.

    `time` is the start of each bar in UTC milliseconds; prices are in the contract's currency,
    volume in shares. Arrays are for computing; money is Decimal elsewhere.
    """

    timeframe: Timeframe
    time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, rows: slice) -> "Bars":
        return self._each(lambda column: column[rows])

    def where(self, mask: NDArray[np.bool_]) -> "Bars":
        return self._each(lambda column: column[mask])

    def _each(self, pick: Callable[[Any], Any]) -> "Bars":
        return Bars(
            timeframe=self.timeframe, **{name: pick(getattr(self, name)) for name in COLUMNS}
        )

    @classmethod
    def from_rows(cls, timeframe: Timeframe, rows: Sequence[Sequence[Any]]) -> "Bars":
        """Rows are (time, open, high, low, close, volume); Decimals are welcome."""
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(COLUMNS)
        return cls(
            timeframe=timeframe,
            time=np.array(columns[0], dtype=np.int64),
            **{
                name: np.array(column, dtype=np.float64)
                for name, column in zip(COLUMNS[1:], columns[1:], strict=True)
            },
        )

    def to_json(self) -> dict[str, Any]:
        """The shape of a stored bar snapshot; `from_json` reads it back bit for bit."""
        return {
            "version": 1,
            "timeframe": self.timeframe.value,
            **{name: getattr(self, name).tolist() for name in COLUMNS},
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Bars":
        return cls(
            timeframe=Timeframe(document["timeframe"]),
            time=np.array(document["time"], dtype=np.int64),
            **{name: np.array(document[name], dtype=np.float64) for name in COLUMNS[1:]},
        )


COLUMNS = ("time", "open", "high", "low", "close", "volume")
