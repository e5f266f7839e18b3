from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from backend.core.hashing import canonical_json
from backend.trading.limits import RiskReport, RiskSettings, check_all, in_order
from backend.trading.risk import Proposal, Verdict, rules

ORDER = {"side": "BUY", "quantity": 200, "entry": 100, "stop": 95, "lot": 1, "equity": 100_000}


def check(settings: dict[str, Any] | None = None, **order: Any) -> RiskReport:
    return check_all(
        Proposal.model_validate(ORDER | order), RiskSettings.model_validate(settings or {})
    )


def verdict(report: RiskReport, rule: str) -> Verdict:
    (found,) = [item for item in report.verdicts if item.rule == rule]
    return found


def test_an_order_within_every_limit_passes_whole() -> None:
    report = check()
    assert (report.is_refused, report.reason_code) == (False, "ok")
    assert report.quantity == 200
    assert {item.verdict for item in report.verdicts} == {"pass"}


def test_every_limit_speaks_once_in_a_fixed_order() -> None:
    names = [item.rule for item in check().verdicts]
    assert names == [
        *("stop_side", "minimum_quantity", "allowed_symbols", "denied_symbols", "only_when_open"),
        *("minutes_before_reset", "max_quote_age_seconds", "max_price_drift"),
        *("min_reward_to_risk", "max_daily_loss", "max_drawdown", "max_orders_per_day"),
        *("max_orders_per_minute", "no_repeat_minutes", "cooldown_minutes", "max_open_positions"),
        *("forbid_short", "max_quantity", "max_order_value", "max_position_value"),
        *("max_share_of_equity", "max_share_of_three", "max_gross_exposure", "max_net_exposure"),
        "max_leverage",
    ]
    assert sorted(names) == list(rules)
    assert len({rule.order for rule in in_order()}) == len(names)


@pytest.mark.parametrize(
    ("settings", "order", "rule", "quantity", "value", "limit"),
    [
        ({"max_quantity": 150}, {}, "max_quantity", 150, 200, 150),
        ({"max_quantity": 150}, {"lot": 100}, "max_quantity", 100, 200, 150),
        ({"max_order_value": 12_345}, {}, "max_order_value", 123, 20_000, 12_345),
        ({"max_share_of_equity": 0.1}, {}, "max_share_of_equity", 100, "0.2", "0.1"),
        ({}, {"held": 100}, "max_share_of_equity", 150, "0.3", "0.25"),
        (
            {},
            {"side": "SELL", "stop": 105, "held": -100},
            "max_share_of_equity",
            150,
            "0.3",
            "0.25",
        ),
    ],
)
def test_a_limit_cuts_the_order_down_and_shows_what_it_measured(
    settings: dict[str, Any],
    order: dict[str, Any],
    rule: str,
    quantity: int,
    value: Any,
    limit: Any,
) -> None:
    report = check(settings, **order)
    found = verdict(report, rule)
    assert (report.is_refused, report.reason_code) == (False, rule)
    assert report.quantity == quantity
    assert (found.verdict, found.value, found.limit) == ("clamp", Decimal(value), Decimal(limit))
    assert found.sentence.endswith(f"200 shares became {quantity}.")


def test_shares_held_the_other_way_make_room() -> None:
    assert check(held=-1_000, quantity=1_200).quantity == 1_200
    assert check(held=-1_000, quantity=1_300).quantity == 1_250


def test_limits_add_up_each_seeing_what_the_one_before_left() -> None:
    report = check({"max_quantity": 150, "max_order_value": 12_000, "max_share_of_equity": 0.1})
    left = {item.rule: item.quantity for item in report.verdicts}
    asked = ("forbid_short", "max_quantity", "max_order_value", "max_share_of_equity")
    assert [left[name] for name in asked] == [200, 150, 120, 100]
    assert report.proposed == 200
    assert report.quantity == 100
    assert verdict(report, "max_order_value").value == 15_000


@pytest.mark.parametrize(
    ("settings", "order", "rule", "code"),
    [
        ({}, {"quantity": 0}, "minimum_quantity", "zero_quantity"),
        ({}, {"stop": 100}, "stop_side", "stop_wrong_side"),
        ({}, {"stop": 101}, "stop_side", "stop_wrong_side"),
        ({}, {"side": "SELL", "stop": 99}, "stop_side", "stop_wrong_side"),
        ({}, {"tallies": {"strategy": {"today": 10}}}, "max_orders_per_day", "max_orders_per_day"),
        ({"max_quantity": 99}, {"lot": 100}, "max_quantity", "max_quantity"),
        ({"max_order_value": 99}, {}, "max_order_value", "max_order_value"),
        ({}, {"held": 300}, "max_share_of_equity", "max_share_of_equity"),
        ({}, {"equity": 0}, "max_share_of_equity", "max_share_of_equity"),
    ],
)
def test_an_order_that_no_clamp_can_save_is_refused(
    settings: dict[str, Any], order: dict[str, Any], rule: str, code: str
) -> None:
    report = check(settings, **order)
    assert (report.is_refused, report.reason_code) == (True, code)
    assert report.quantity == 0
    assert verdict(report, rule).verdict == "refuse"
    assert report.sentence == verdict(report, rule).sentence


def test_the_last_order_of_the_day_still_goes_out() -> None:
    assert not check(tallies={"strategy": {"today": 9}}).is_refused


def test_all_that_is_wrong_shows_at_once_and_the_first_is_the_reason() -> None:
    tallies = {"strategy": {"today": 10}}
    report = check({"max_quantity": 150}, stop=101, tallies=tallies)
    said = {item.rule: item.verdict for item in report.verdicts if item.verdict != "pass"}
    assert said == {"stop_side": "refuse", "max_orders_per_day": "refuse", "max_quantity": "clamp"}
    assert report.reason_code == "stop_wrong_side"


def test_a_report_survives_as_json() -> None:
    report = check({"max_quantity": 150})
    assert RiskReport.model_validate_json(report.model_dump_json()) == report
    assert canonical_json(report.model_dump(mode="json"))


FRACTIONS = ["risk_per_trade", "max_share_of_equity"]
NUMBERS = [*FRACTIONS, "max_quantity", "max_order_value", "lot"]


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize("value", [-1, 0, "NaN", "inf", "-inf", 1e30, "1e30", True, "much", [], {}])
def test_absurd_numbers_are_refused_by_field(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        RiskSettings.model_validate({field: value})
    (error,) = caught.value.errors()
    assert error["loc"] == (field,)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"risk_per_trade": 0.11}, "less than or equal to 0.1"),
        ({"risk_per_trade": "NaN"}, "finite number"),
        ({"max_share_of_equity": 1.01}, "less than or equal to 1"),
        ({"max_orders_per_day": 0}, "greater than or equal to 1"),
        ({"max_orders_per_day": 2.5}, "valid integer"),
        ({"max_orders_per_day": True}, "valid integer"),
        ({"max_quantitty": 5}, "not permitted"),
    ],
)
def test_what_is_wrong_with_a_risk_setting_is_said(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RiskSettings.model_validate(given)
    (error,) = caught.value.errors()
    assert message in error["msg"]


def test_the_settings_hold_the_fields_of_sizing_and_of_every_limit() -> None:
    fields = set(RiskSettings.model_fields)
    assert {"risk_per_trade", "lot"} < fields
    for rule in in_order():
        assert set(rule.settings.model_fields) <= fields
    for name, field in RiskSettings.model_fields.items():
        assert field.description, name
    settings = RiskSettings.model_validate({"max_quantity": 5})
    assert RiskSettings.model_validate_json(settings.model_dump_json()) == settings


amounts = st.decimals("0.01", "1000000", places=2)


@given(
    quantity=st.integers(0, 100_000),
    entry=st.decimals("0.01", "5000", places=2),
    is_long=st.booleans(),
    lot=st.sampled_from([1, 7, 100]),
    equity=amounts,
    held=st.integers(-1_000, 1_000),
    max_quantity=st.none() | amounts,
    max_order_value=st.none() | amounts,
    share=st.decimals("0.01", "1", places=2),
)
def test_no_order_ever_exceeds_a_limit(
    quantity: int,
    entry: Decimal,
    is_long: bool,
    lot: int,
    equity: Decimal,
    held: int,
    max_quantity: Decimal | None,
    max_order_value: Decimal | None,
    share: Decimal,
) -> None:
    report = check(
        {
            "max_quantity": max_quantity,
            "max_order_value": max_order_value,
            "max_share_of_equity": share,
        },
        side="BUY" if is_long else "SELL",
        quantity=quantity * lot,
        entry=entry,
        stop=entry / 2 if is_long else entry * 2,
        lot=lot,
        equity=equity,
        held=held,
    )
    left = report.quantity
    assert report.is_refused == (left == 0)
    assert left <= quantity * lot
    assert left % lot == 0
    if left == 0:
        return
    assert max_quantity is None or left <= max_quantity
    assert max_order_value is None or left * entry <= max_order_value
    exposure = Fraction(left + (held if is_long else -held)) * Fraction(entry)
    assert exposure <= Fraction(share) * Fraction(equity)
