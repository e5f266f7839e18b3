from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from backend.core.errors import InvalidInput
from backend.trading.signal import Action, Signal
from backend.trading.sizing import Sizing, SizingSettings, size


def signal(action: str = "BUY", entry: str | None = "100", stop: str | None = "95") -> Signal:
    return Signal.model_validate(
        {
            "action": action,
            "reason_code": "rules_fired",
            "sentence": "For a test.",
            "entry": entry,
            "stop": stop,
            "expires_at": datetime(2026, 3, 2, tzinfo=UTC),
            "rules_vote": "long",
            "view_vote": "unused",
        }
    )


def sized(
    wanted: Signal,
    *,
    equity: str = "100000",
    buying_power: str = "1000000",
    lot: str = "1",
    own_lot: str | None = None,
    atr: str | None = None,
    **settings: Any,
) -> Sizing:
    return size(
        wanted,
        equity=Decimal(equity),
        buying_power=Decimal(buying_power),
        lot=Decimal(lot),
        atr=None if atr is None else Decimal(atr),
        settings=SizingSettings.model_validate(settings | {"lot": own_lot}),
    )


def test_the_quantity_loses_the_set_part_of_the_equity_at_the_stop() -> None:
    found = sized(signal())
    assert found.quantity == 200
    assert found.limited_by == "risk"
    assert found.reason_code is None
    assert found.risk_budget == found.risk_taken == 1_000
    assert found.risk_per_share == 5
    assert found.order_value == 20_000
    assert found.sentence == "1% of 100,000 is 1,000.00 at risk, 5 per share: 200 shares."


def test_a_short_sale_is_sized_by_the_same_distance() -> None:
    assert sized(signal("SELL", "100", "105")).quantity == 200


def test_the_quantity_is_cut_down_to_the_lot() -> None:
    assert sized(signal(stop="97"), lot="100").quantity == 300
    assert sized(signal(stop="97"), lot="0.001").quantity == Decimal("333.333")
    assert sized(signal(stop="97"), own_lot="10").quantity == 330


def test_a_lot_of_ones_own_must_fit_the_contracts() -> None:
    with pytest.raises(InvalidInput, match="not a multiple of the contract's lot of 100") as caught:
        sized(signal(), lot="100", own_lot="150")
    assert caught.value.field == "risk.lot"


def test_what_cannot_be_paid_is_not_bought() -> None:
    found = sized(signal(), buying_power="5050")
    assert found.quantity == 50
    assert found.limited_by == "buying_power"
    assert "which is 200 shares; 5,050 buys fewer" in found.sentence


@pytest.mark.parametrize(
    ("wanted", "account", "reason"),
    [
        (signal("HOLD"), {}, "hold"),
        (signal(stop=None), {}, "no_stop"),
        (signal(stop="100"), {}, "stop_wrong_side"),
        (signal(stop="101"), {}, "stop_wrong_side"),
        (signal("SELL", stop="99"), {}, "stop_wrong_side"),
        (signal(), {"equity": "0"}, "no_equity"),
        (signal(), {"equity": "-5"}, "no_equity"),
        (signal(), {"equity": "NaN"}, "no_equity"),
        (signal(), {"equity": "100"}, "zero_quantity"),
        (signal(), {"buying_power": "99"}, "zero_quantity"),
        (signal(), {"buying_power": "-1"}, "zero_quantity"),
        (signal(), {"buying_power": "Infinity"}, "zero_quantity"),
    ],
)
def test_nothing_is_bought_without_a_reason_kept(
    wanted: Signal, account: dict[str, Any], reason: str
) -> None:
    found = sized(wanted, **account)
    assert found.quantity == 0
    assert found.limited_by is None
    assert found.reason_code == reason
    assert found.sentence.endswith(".")


def test_the_numbers_survive_as_json() -> None:
    found = sized(signal())
    assert Sizing.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize("lot", ["0", "-1", "NaN"])
def test_an_impossible_lot_is_refused(lot: str) -> None:
    with pytest.raises(InvalidInput, match="A lot is a number above zero"):
        sized(signal(), lot=lot)


QUANTITY = {"sizing": "quantity", "fixed_quantity": "150"}
VALUE = {"sizing": "value", "fixed_value": "12345"}
VOLATILITY = {"sizing": "volatility", "atr_multiple": "3"}


@pytest.mark.parametrize(
    ("settings", "account", "quantity", "limited_by", "sentence"),
    [
        (QUANTITY, {}, "150", "quantity", "150 shares are asked for: 150 shares."),
        (QUANTITY, {"lot": "100"}, "100", "quantity", "150 shares are asked for: 100 shares."),
        (
            QUANTITY | {"fixed_quantity": "201"},
            {},
            "200",
            "risk",
            "201 shares are asked for, but 1% of the equity at risk allows 200: 200 shares.",
        ),
        (
            QUANTITY,
            {"buying_power": "5050"},
            "50",
            "buying_power",
            "150 shares are asked for, which is 150 shares; 5,050 buys fewer: 50 shares.",
        ),
        (VALUE, {}, "123", "value", "12,345 is asked for, at 100 per share: 123 shares."),
        (
            VALUE | {"fixed_value": "20100"},
            {},
            "200",
            "risk",
            "20,100 is asked for, at 100 per share, but 1% of the equity at risk allows 200:"
            " 200 shares.",
        ),
        (
            VOLATILITY,
            {"atr": "2.5"},
            "133",
            "volatility",
            "1% of 100,000 is 1,000.00 at risk, 3 ATR of 2.5 per share: 133 shares.",
        ),
        (
            VOLATILITY,
            {"atr": "0.5"},
            "200",
            "risk",
            "1% of 100,000 is 1,000.00 at risk, 3 ATR of 0.5 per share, but 1% of the equity at"
            " risk allows 200: 200 shares.",
        ),
    ],
)
def test_each_method_is_held_to_the_risk_the_money_and_the_lot(
    settings: dict[str, Any], account: dict[str, Any], quantity: str, limited_by: str, sentence: str
) -> None:
    found = sized(signal(), **account, **settings)
    assert (found.quantity, found.limited_by) == (Decimal(quantity), limited_by)
    assert found.sentence == sentence
    assert found.method == settings["sizing"]


@pytest.mark.parametrize("atr", [None, "0", "-1", "NaN", "Infinity"])
def test_without_a_volatility_nothing_is_sized_by_it(atr: str | None) -> None:
    found = sized(signal(), sizing="volatility", atr=atr)
    assert (found.quantity, found.reason_code) == (Decimal(0), "no_volatility")
    assert found.sentence == "atr_14 gives no volatility to size by."


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (QUANTITY | {"fixed_quantity": "0.5"}, "zero_quantity"),
        (VALUE | {"fixed_value": "99.99"}, "zero_quantity"),
        (VOLATILITY | {"atr": "400"}, "zero_quantity"),
    ],
)
def test_less_than_a_lot_is_nothing(settings: dict[str, Any], reason: str) -> None:
    assert sized(signal(), **settings).reason_code == reason


@pytest.mark.parametrize(
    ("sizing", "field"), [("quantity", "fixed_quantity"), ("value", "fixed_value")]
)
def test_a_fixed_size_has_to_be_written(sizing: str, field: str) -> None:
    with pytest.raises(ValidationError, match=f"{field}: write"):
        SizingSettings.model_validate({"sizing": sizing})


def amounts(low: str, high: str) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=4)


METHODS = st.one_of(
    st.fixed_dictionaries({"sizing": st.just("risk")}),
    st.fixed_dictionaries(
        {"sizing": st.just("quantity"), "fixed_quantity": amounts("0.0001", "1000000")}
    ),
    st.fixed_dictionaries({"sizing": st.just("value"), "fixed_value": amounts("0.01", "10000000")}),
    st.fixed_dictionaries(
        {"sizing": st.just("volatility"), "atr_multiple": amounts("0.1", "20")},
        optional={"atr": amounts("-1", "1000").map(str)},
    ),
)


@given(
    entry=amounts("0.01", "9999"),
    stop=amounts("0.01", "9999"),
    equity=amounts("-1000", "100000000"),
    buying_power=amounts("-1000", "100000000"),
    lot=st.sampled_from(["1", "100", "0.0001", "7"]),
    risk=amounts("0.0001", "0.1"),
    method=METHODS,
)
def test_no_size_ever_exceeds_the_risk_or_the_money_and_none_is_smaller_than_it_must_be(
    entry: Decimal,
    stop: Decimal,
    equity: Decimal,
    buying_power: Decimal,
    lot: str,
    risk: Decimal,
    method: dict[str, Any],
) -> None:
    wanted = signal("BUY" if stop < entry else "SELL", str(entry), str(stop))
    found = sized(
        wanted,
        equity=str(equity),
        buying_power=str(buying_power),
        lot=lot,
        risk_per_trade=str(risk),
        **method,
    )
    quantity, step = Fraction(found.quantity), Fraction(Decimal(lot))
    per_share, budget = abs(Fraction(entry) - Fraction(stop)), Fraction(equity) * Fraction(risk)
    assert (quantity == 0) == (found.reason_code is not None)
    assert quantity % step == 0
    if quantity == 0:
        return
    worth, atr = Fraction(entry), Fraction(Decimal(method.get("atr", "1")))

    def breaks(shares: Fraction) -> set[str]:
        broken = {
            "risk": shares * per_share > budget,
            "buying_power": shares * worth > Fraction(buying_power),
            "quantity": shares > method.get("fixed_quantity", shares),
            "value": shares * worth > method.get("fixed_value", shares * worth),
            "volatility": method["sizing"] == "volatility"
            and shares * Fraction(method["atr_multiple"]) * atr > budget,
        }
        return {name for name, is_broken in broken.items() if is_broken}

    assert not breaks(quantity)
    assert found.limited_by in breaks(quantity + step)
    assert found.risk_taken <= found.risk_budget
    assert wanted.action is not Action.HOLD
