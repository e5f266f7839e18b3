from dataclasses import dataclass
from decimal import Decimal

import pytest

from backend.trading.kill_switch import opens_or_adds
from backend.trading.oversight import IN_WORDS, MEANINGS, is_stronger


@dataclass(frozen=True)
class Working:
    side: str
    order_type: str = "LMT"
    quantity: Decimal = Decimal(100)
    filled: Decimal = Decimal(0)


@pytest.mark.parametrize(
    ("order", "held", "goes"),
    [
        (Working("BUY"), 0, True),
        (Working("SELL"), 0, True),
        (Working("SELL", "STP"), 0, True),
        (Working("BUY"), 100, True),
        (Working("SELL"), -100, True),
        # What only shrinks a position stays: targets and stops.
        (Working("SELL"), 100, False),
        (Working("BUY"), -100, False),
        (Working("SELL", "STP"), 100, False),
        (Working("SELL", "Stop Limit"), 100, False),
        (Working("BUY", "TRAIL"), -100, False),
        # A target that would turn the position over goes, a stop never does.
        (Working("SELL"), 60, True),
        (Working("SELL", filled=Decimal(40)), 60, False),
        (Working("SELL", "STP"), 60, False),
        (Working("SELL", "Stop"), 60, False),
    ],
)
def test_what_protects_stays_and_what_opens_or_adds_goes(
    order: Working, held: int, goes: bool
) -> None:
    assert opens_or_adds(order, Decimal(held)) is goes


def test_each_meaning_is_more_than_the_one_before_it() -> None:
    assert MEANINGS == ("stop", "cancel", "flatten")
    assert set(IN_WORDS) == set(MEANINGS)
    assert is_stronger("flatten", "cancel")
    assert not is_stronger("stop", "stop")
    assert not is_stronger("stop", "flatten")
