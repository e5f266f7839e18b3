from decimal import Decimal

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from backend.core.values import COLUMNS, Bars, Timeframe

PRICE = st.floats(0.0001, 1e9)
ROWS = st.lists(
    st.tuples(st.integers(0, 2**53), PRICE, PRICE, PRICE, PRICE, st.floats(0, 1e15)), max_size=20
)


def test_timeframes_grow_from_the_shortest_to_the_longest() -> None:
    seconds = [timeframe.seconds for timeframe in Timeframe]
    assert seconds == sorted(set(seconds))


def test_days_and_longer_are_not_intraday() -> None:
    longer = [timeframe for timeframe in Timeframe if not timeframe.is_intraday]
    assert longer == [Timeframe.DAY, Timeframe.WEEK, Timeframe.MONTH]


@given(ROWS)
def test_bars_come_back_from_their_stored_shape_bit_for_bit(rows: list[tuple[float, ...]]) -> None:
    bars = Bars.from_rows(Timeframe.HOUR_1, rows)
    again = Bars.from_json(orjson.loads(orjson.dumps(bars.to_json())))
    assert again.timeframe is Timeframe.HOUR_1
    for name in COLUMNS:
        column = getattr(again, name)
        assert column.dtype == getattr(bars, name).dtype
        assert column.tobytes() == getattr(bars, name).tobytes()


def test_bars_are_made_of_decimals_too_and_can_be_empty() -> None:
    row = (1_000, *(Decimal(each) for each in ("1.5", "2.5", "0.5", "1.25", "100")))
    bars = Bars.from_rows(Timeframe.DAY, [row])
    assert (bars.time[0], bars.open[0], bars.volume[0]) == (1_000, 1.5, 100.0)
    assert len(Bars.from_rows(Timeframe.DAY, [])) == 0


def test_a_slice_and_a_mask_pick_the_same_rows_of_every_column() -> None:
    bars = Bars.from_rows(Timeframe.DAY, [[n, n, n, n, n, n] for n in range(1, 6)])
    assert bars[-2:].time.tolist() == [4, 5]
    odd = bars.where(np.array([True, False, True, False, True]))
    for name in COLUMNS:
        assert getattr(odd, name).tolist() == [1, 3, 5]
