import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.papergateway.prices.calendar import MINUTE_MS
from backend.papergateway.prices.path import Minutes, Shape, minutes, regular_weights, spread


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    low = draw(st.integers(1, 100_000))
    high = low + draw(st.integers(0, 5_000))
    inside = st.integers(low, high)
    return Shape(draw(inside), high, low, draw(inside), draw(st.integers(0, 600_000_000)))


COUNTS = st.sampled_from([1, 2, 3, 4, 5, 60, 210, 390])
SEEDS = st.integers(0, 2**32)


def make(shape: Shape, count: int, seed: int) -> Minutes:
    return minutes(np.random.default_rng(seed), 0, shape, regular_weights(count))


@settings(max_examples=150)
@given(shape=shapes(), count=COUNTS, seed=SEEDS)
def test_minutes_add_up_to_the_day_to_the_tick_and_to_the_share(
    shape: Shape, count: int, seed: int
) -> None:
    bars = make(shape, count, seed)

    assert len(bars) == count
    assert (
        Shape(
            int(bars.o[0]), int(bars.h.max()), int(bars.l.min()), int(bars.c[-1]), int(bars.v.sum())
        )
        == shape
    )
    assert (bars.v >= 0).all()
    assert (bars.l <= np.minimum(bars.o, bars.c)).all()
    assert (bars.h >= np.maximum(bars.o, bars.c)).all()


@settings(max_examples=100)
@given(shape=shapes(), count=COUNTS, seed=SEEDS, pick=st.floats(0, 1, exclude_max=True))
def test_the_seconds_of_a_minute_are_its_bar(
    shape: Shape, count: int, seed: int, pick: float
) -> None:
    bars, index = make(shape, count, seed), int(pick * count)

    seconds = bars.seconds(index)

    assert seconds[0] == bars.o[index]
    assert seconds.max() == bars.h[index]
    assert seconds.min() == bars.l[index]
    assert seconds[-1] == bars.c[index]
    assert bars.volume_until(index, 59) == bars.v[index]


@settings(max_examples=100)
@given(shape=shapes(), count=COUNTS, seed=SEEDS, pick=st.floats(0, 1, exclude_max=True))
def test_a_bar_cut_at_now_holds_what_was_seen_by_now(
    shape: Shape, count: int, seed: int, pick: float
) -> None:
    bars = make(shape, count, seed)
    now_ms = int(pick * count * MINUTE_MS)
    index, second = now_ms // MINUTE_MS, now_ms % MINUTE_MS // 1000

    cut = bars.until(now_ms)

    seen = bars.seconds(index)[: second + 1]
    assert len(cut) == index + 1
    assert (cut.table[:5, :index] == bars.table[:5, :index]).all()
    assert cut.table[:5, index].tolist() == [
        bars.o[index],
        seen.max(),
        seen.min(),
        seen[-1],
        bars.v[index] * (second + 1) // 60,
    ]


def test_nothing_is_seen_before_the_first_minute() -> None:
    assert len(make(Shape(10, 12, 9, 11, 100), 5, 1).until(-1)) == 0


def test_volume_is_high_at_both_ends_of_the_day() -> None:
    shares = spread(39_000_000, regular_weights(390))

    assert shares[:30].sum() > 1.5 * shares[180:210].sum()
    assert shares[-30:].sum() > 1.5 * shares[180:210].sum()


def test_a_day_moves_in_many_steps_not_one() -> None:
    bars = make(Shape(10_000, 10_300, 9_900, 10_100, 1_000_000), 390, 7)

    assert np.abs(bars.c - bars.o).max() < 150
    assert (bars.c != bars.o).mean() > 0.7
