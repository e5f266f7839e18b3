from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.errors import InvalidInput
from backend.core.hashing import canonical_json
from backend.trading.signal import Action, Signal, SignalSettings, View, decide

NOW = datetime(2026, 3, 2, 20, 30, tzinfo=UTC)
RULES = {"long_when": "close > 1", "short_when": "close < 1", "allow_short": True}
LONG = View.from_floats(direction="long", confidence=0.72, stop=95, targets=[112, 106])
SHORT = View.from_floats(direction="short", confidence=0.72, stop=105, targets=[90])
UNSURE = View.from_floats(direction="long", confidence=0.3)
UNSURE_SHORT = View.from_floats(direction="short", confidence=0.3)
NEUTRAL = View.from_floats(direction="neutral", confidence=0.9)


def signal(
    given: dict[str, Any] | None = None,
    *,
    long: bool | None = False,
    short: bool | None = False,
    view: View | None = None,
    last_price: str | None = "100",
    tick: str = "0.01",
    series_last: dict[str, float] | None = None,
) -> Signal:
    return decide(
        SignalSettings.model_validate(RULES | (given or {})),
        rules_long=long,
        rules_short=short,
        view=view,
        last_price=None if last_price is None else Decimal(last_price),
        tick=Decimal(tick),
        series_last={"atr_14": 2.0} if series_last is None else series_last,
        now=NOW,
    )


@pytest.mark.parametrize(
    ("source", "long", "short", "view", "action", "reason"),
    [
        ("rules", True, False, None, "BUY", "rules_fired"),
        ("rules", False, True, LONG, "SELL", "rules_fired"),
        ("rules", False, False, LONG, "HOLD", "rules_silent"),
        ("rules", True, True, LONG, "HOLD", "rules_conflict"),
        ("rules", None, False, None, "HOLD", "rules_unknown"),
        ("rules", True, None, None, "BUY", "rules_fired"),
        ("view", True, False, SHORT, "SELL", "view_confident"),
        ("view", True, False, NEUTRAL, "HOLD", "view_neutral"),
        ("view", True, False, UNSURE, "HOLD", "low_confidence"),
        ("view", True, False, None, "HOLD", "no_view"),
        ("agree", True, False, LONG, "BUY", "rules_and_view_agree"),
        ("agree", True, False, SHORT, "HOLD", "view_disagrees"),
        ("agree", False, False, LONG, "HOLD", "rules_silent"),
        ("agree", True, False, UNSURE, "HOLD", "low_confidence"),
        ("agree", True, False, None, "HOLD", "no_view"),
        ("either", True, False, None, "BUY", "rules_fired"),
        ("either", True, False, NEUTRAL, "BUY", "rules_fired"),
        ("either", False, False, SHORT, "SELL", "view_confident"),
        ("either", True, False, LONG, "BUY", "rules_and_view_agree"),
        ("either", True, False, SHORT, "HOLD", "view_disagrees"),
        ("either", True, True, LONG, "HOLD", "rules_conflict"),
        ("either", False, False, NEUTRAL, "HOLD", "rules_silent"),
        ("veto", True, False, LONG, "BUY", "rules_and_view_agree"),
        ("veto", True, False, NEUTRAL, "BUY", "rules_unopposed"),
        ("veto", True, False, UNSURE, "BUY", "rules_unopposed"),
        ("veto", True, False, SHORT, "HOLD", "vetoed"),
        ("veto", True, False, UNSURE_SHORT, "HOLD", "vetoed"),
        ("veto", True, False, None, "HOLD", "no_view"),
        ("veto", False, False, LONG, "HOLD", "rules_silent"),
    ],
)
def test_rules_and_view_are_joined_as_the_source_says(
    source: str, long: bool | None, short: bool | None, view: View | None, action: str, reason: str
) -> None:
    found = signal({"source": source}, long=long, short=short, view=view)
    assert (found.action, found.reason_code) == (action, reason)
    assert found.sentence.startswith(f"{action}: ")


def test_a_rule_without_text_has_no_vote() -> None:
    found = signal({"source": "rules", "short_when": ""}, long=True, short=True)
    assert found.action is Action.BUY
    only_view = {"source": "either", "long_when": "", "short_when": ""}
    assert signal(only_view, view=NEUTRAL).reason_code == "view_neutral"


def test_selling_short_needs_to_be_allowed() -> None:
    found = signal({"allow_short": False}, short=True, view=SHORT)
    assert (found.action, found.reason_code) == (Action.HOLD, "short_not_allowed")


def test_a_signal_carries_its_prices_votes_and_expiry() -> None:
    found = signal(long=True, view=LONG)
    assert found.entry == Decimal(100)
    assert found.stop == Decimal(96)
    assert found.targets == (Decimal(106), Decimal(112))
    assert found.risk_per_share == Decimal(4)
    assert found.r_multiples == (Decimal("1.5"), Decimal(3))
    assert found.reward_to_risk == Decimal("2.25")
    assert found.confidence == Decimal("0.72")
    assert found.expires_at == NOW + timedelta(minutes=60)
    assert (found.rules_vote, found.view_vote) == ("long", "long")


def test_a_signal_survives_as_json() -> None:
    found = signal(long=True, view=LONG)
    assert Signal.model_validate_json(found.model_dump_json()) == found
    assert canonical_json(found.model_dump(mode="json"))


@pytest.mark.parametrize(
    ("stop", "side", "expected"),
    [
        ({"kind": "percent", "fraction": 0.05}, "long", "95"),
        ({"kind": "percent", "fraction": 0.05}, "short", "105"),
        ({"kind": "atr", "multiple": 1.5}, "long", "97"),
        ({"kind": "atr", "multiple": 1.5}, "short", "103"),
        ({"kind": "indicator", "label": "below"}, "long", "93.12"),
        ({"kind": "indicator", "label": "above"}, "short", "106.79"),
        ({"kind": "view"}, "long", "95"),
        ({"kind": "view"}, "short", "105"),
    ],
)
def test_each_kind_of_stop_protects_either_side(
    stop: dict[str, Any], side: str, expected: str
) -> None:
    found = signal(
        {"stop": stop},
        long=side == "long",
        short=side == "short",
        view=LONG if side == "long" else SHORT,
        series_last={"atr_14": 2.0, "below": 93.126, "above": 106.784},
    )
    assert found.stop == Decimal(expected)
    assert found.action in (Action.BUY, Action.SELL)


def test_rounding_to_the_tick_is_always_against_us() -> None:
    stop = {"stop": {"kind": "indicator", "label": "line"}, "minimum_reward_to_risk": 0}
    bought = signal(
        stop, long=True, view=LONG, last_price="100.03", tick="0.05", series_last={"line": 98.04}
    )
    assert (bought.entry, bought.stop) == (Decimal("100.05"), Decimal("98.00"))
    assert bought.targets == (Decimal("103.10"), Decimal("106.20"))
    sold = signal(
        stop, short=True, view=SHORT, last_price="100.03", tick="0.05", series_last={"line": 101.01}
    )
    assert (sold.entry, sold.stop) == (Decimal("100.00"), Decimal("101.05"))
    assert sold.targets == (Decimal("98.45"), Decimal("96.85"))


def test_the_views_targets_are_sorted_nearest_first() -> None:
    given: dict[str, Any] = {"targets": {"kind": "view"}, "stop": {"kind": "view"}}
    assert signal(given, long=True, view=LONG).targets == (Decimal(106), Decimal(112))


@pytest.mark.parametrize(
    ("given", "more", "reason"),
    [
        ({}, {"series_last": {}}, "no_stop"),
        ({}, {"series_last": {"atr_14": nan}}, "no_stop"),
        ({}, {"series_last": {"atr_14": 0.0}}, "no_stop"),
        ({}, {"series_last": {"atr_14": 60.0}}, "impossible_price"),
        (
            {"stop": {"kind": "indicator", "label": "x"}},
            {"series_last": {"x": 101.0}},
            "stop_wrong_side",
        ),
        (
            {"stop": {"kind": "indicator", "label": "x"}},
            {"series_last": {"x": 1e300}},
            "impossible_price",
        ),
        (
            {"stop": {"kind": "view"}},
            {"view": View.from_floats(direction="long", confidence=1)},
            "no_stop",
        ),
        ({"stop": {"kind": "view"}}, {"last_price": "94"}, "stop_wrong_side"),
        ({"targets": {"kind": "view"}}, {"last_price": "107"}, "target_wrong_side"),
        (
            {"targets": {"kind": "view"}},
            {"view": View.from_floats(direction="long", confidence=1)},
            "no_target",
        ),
        ({"targets": {"kind": "view"}, "minimum_reward_to_risk": 3}, {}, "reward_too_small"),
        ({}, {"last_price": None}, "no_price"),
        ({}, {"last_price": "0"}, "no_price"),
        ({}, {"last_price": "NaN"}, "no_price"),
        ({}, {"last_price": "1e30"}, "no_price"),
    ],
)
def test_a_trade_without_sound_prices_is_held_with_the_reason(
    given: dict[str, Any], more: dict[str, Any], reason: str
) -> None:
    found = signal(given, long=True, **({"view": LONG} | more))
    assert (found.action, found.reason_code, found.expires_at) == (Action.HOLD, reason, None)


def test_a_held_signal_still_shows_the_prices_it_was_held_for() -> None:
    found = signal({"targets": {"kind": "view"}, "minimum_reward_to_risk": 3}, long=True, view=LONG)
    assert found.reward_to_risk == Decimal("2.25")
    assert "2.2500 times the risk on average, less than the 3" in found.sentence


def test_rounding_alone_never_makes_a_reward_too_small() -> None:
    found = signal(
        {"targets": [1.5]}, long=True, view=LONG, last_price="10.01", series_last={"atr_14": 0.033}
    )
    assert found.action is Action.BUY
    assert found.reward_to_risk is not None
    assert found.reward_to_risk < Decimal("1.5")


def test_a_tick_of_zero_is_refused() -> None:
    with pytest.raises(InvalidInput, match="tick"):
        signal(long=True, view=LONG, tick="0")


@pytest.mark.parametrize("confidence", [-0.1, 1.1, nan])
def test_a_view_with_an_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(InvalidInput, match="fraction from 0 to 1"):
        View.from_floats(direction="long", confidence=confidence)


@given(
    price=st.decimals("0.01", 5_000, places=4),
    tick=st.sampled_from(["0.01", "0.05", "0.0001", "0.25", "1"]),
    atr=st.floats(0.001, 500),
    is_long=st.booleans(),
)
def test_every_trade_has_its_prices_on_the_tick_and_on_the_right_side(
    price: Decimal, tick: str, atr: float, is_long: bool
) -> None:
    found = signal(
        long=is_long,
        short=not is_long,
        view=LONG if is_long else SHORT,
        last_price=str(price),
        tick=tick,
        series_last={"atr_14": atr},
    )
    if found.action is Action.HOLD:
        assert found.reason_code == "impossible_price" or Decimal(tick) > Decimal(repr(atr)) / 5
        return
    assert found.entry is not None
    assert found.stop is not None
    sign = 1 if is_long else -1
    ladder = [found.stop, found.entry, *found.targets]
    assert ladder == sorted(ladder, reverse=not is_long)
    assert len(set(ladder)) == len(ladder)
    assert all(step % Decimal(tick) == 0 for step in ladder)
    assert sign * (found.entry - price) >= 0
    assert abs(found.entry - found.stop) >= 2 * Decimal(repr(atr))
