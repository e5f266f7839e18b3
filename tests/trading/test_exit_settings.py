from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from backend.trading.exits import (
    Exits,
    ExitSettings,
    Side,
    break_even_stop,
    in_words,
    trail_distance,
)
from backend.trading.signal import Action

TICK = Decimal("0.01")
PRICES = st.decimals("1", "1000", places=2)


def test_nothing_is_set_by_itself() -> None:
    assert in_words(ExitSettings()) == []
    assert trail_distance(ExitSettings(), entry=Decimal(100), atr=None, tick=TICK) is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"time_stop_minutes": 5, "time_stop_bars": 5}, "minutes or bars"),
        ({"trailing": "atr", "break_even_after_r": 1}, "passes the entry by itself"),
        ({"time_stop_minutes": 0}, "greater than or equal to 1"),
        ({"time_stop_bars": True}, "integer"),
        ({"trailing_fraction": 2}, "less than or equal to 0.5"),
        ({"on_reversal": "panic"}, "turn"),
        ({"trailling": "atr"}, "Extra"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ExitSettings.model_validate(settings)


def test_a_trail_is_a_distance_on_the_tick_rounded_away_from_the_price() -> None:
    by_atr = ExitSettings(trailing="atr", trailing_multiple=Decimal("2.5"))
    assert trail_distance(by_atr, entry=Decimal(100), atr=Decimal("1.2345"), tick=TICK) == Decimal(
        "3.09"
    )
    by_percent = ExitSettings(trailing="percent", trailing_fraction=Decimal("0.015"))
    assert trail_distance(by_percent, entry=Decimal("99.99"), atr=None, tick=TICK) == Decimal(
        "1.50"
    )


@pytest.mark.parametrize("atr", [None, Decimal(0), Decimal(-1)])
def test_a_trail_by_an_unknown_range_is_refused_with_its_name(atr: Decimal | None) -> None:
    settings = ExitSettings(trailing="atr", trailing_label="atr_20")
    with pytest.raises(ValueError, match="atr_20"):
        trail_distance(settings, entry=Decimal(100), atr=atr, tick=TICK)


def moved(side: Side, *, best: str, stop: str, after: str | None = "1") -> Decimal | None:
    is_long = side == Action.BUY
    return break_even_stop(
        Exits(break_even_after_r=None if after is None else Decimal(after)),
        side=side,
        entry=Decimal("100.005"),
        first_stop=Decimal("98.005") if is_long else Decimal("102.005"),
        stop=Decimal(stop),
        best=Decimal(best),
    )


def test_the_stop_moves_to_the_entry_once_the_price_has_gone_far_enough() -> None:
    assert moved(Action.BUY, best="102.004", stop="98") is None
    assert moved(Action.BUY, best="102.005", stop="98") == Decimal("100.00")
    assert moved(Action.SELL, best="98.005", stop="102") == Decimal("100.01")
    assert moved(Action.SELL, best="98.006", stop="102") is None


def test_a_stop_that_is_there_or_beyond_is_left_alone() -> None:
    assert moved(Action.BUY, best="110", stop="100.00") is None
    assert moved(Action.BUY, best="110", stop="105") is None
    assert moved(Action.BUY, best="110", stop="98", after=None) is None


@given(
    side=st.sampled_from([Action.BUY, Action.SELL]),
    entry=PRICES,
    first=PRICES,
    stop=PRICES,
    best=PRICES,
    after=st.decimals("0.1", "5", places=1),
)
def test_a_stop_is_never_moved_against_the_position_nor_beyond_the_entry(
    side: Side, entry: Decimal, first: Decimal, stop: Decimal, best: Decimal, after: Decimal
) -> None:
    exits = Exits(break_even_after_r=after)
    level = break_even_stop(exits, side=side, entry=entry, first_stop=first, stop=stop, best=best)
    sign = 1 if side == Action.BUY else -1
    if level is not None:
        assert (level - stop) * sign > 0
        assert (entry - level) * sign >= 0
        assert level % exits.tick == 0
