"""Each limit alone: what it measures, where exactly it begins to bite, what it does not know."""

from decimal import Decimal
from typing import Any

import pytest

from backend.trading.limits import Limits, LimitsInForce, RiskSettings, check_all, in_order
from backend.trading.risk import Proposal

BUY = {
    "side": "BUY",
    "symbol": "AAPL",
    "quantity": 200,
    "entry": 100,
    "stop": 95,
    "lot": 1,
    "equity": 100_000,
    "book": {},
}
SELL = BUY | {"side": "SELL", "stop": 105}
FREE = {"max_share_of_equity": 1, "max_orders_per_day": 10_000}
"""A strategy whose own limits stand in nobody's way."""


def book(*others: int, long: int = 0, short: int = 0) -> dict[str, Any]:
    return {"book": {"others": others, "net_long": long, "net_short": short}}


def tally(**counts: Any) -> dict[str, Any]:
    return {"tallies": {"strategy": counts}}


CASES = [
    # (rule, limit, order, verdict, quantity left, value measured)
    ("allowed_symbols", ["AAPL", "msft"], BUY, "pass", 200, None),
    ("allowed_symbols", ["MSFT"], BUY, "refuse", 0, None),
    ("denied_symbols", ["MSFT"], BUY, "pass", 200, None),
    ("denied_symbols", ["MSFT", " aapl"], BUY, "refuse", 0, None),
    ("only_when_open", True, BUY | {"is_open": True}, "pass", 200, None),
    ("only_when_open", True, BUY | {"is_open": False}, "refuse", 0, None),
    ("only_when_open", True, BUY, "refuse", 0, None),
    ("minutes_before_reset", 30, BUY | {"minutes_to_reset": "30.01"}, "pass", 200, "30.01"),
    ("minutes_before_reset", 30, BUY | {"minutes_to_reset": 30}, "refuse", 0, 30),
    ("minutes_before_reset", 30, BUY | {"minutes_to_reset": 0}, "refuse", 0, 0),
    ("minutes_before_reset", 30, BUY, "unknown", 200, None),
    ("max_quote_age_seconds", 5, BUY | {"quote_age_seconds": 5}, "pass", 200, 5),
    ("max_quote_age_seconds", 5, BUY | {"quote_age_seconds": "5.001"}, "refuse", 0, "5.001"),
    ("max_quote_age_seconds", 5, BUY, "refuse", 0, None),
    ("max_price_drift", "0.01", BUY | {"quote": 100}, "pass", 200, 0),
    ("max_price_drift", "0.25", BUY | {"quote": 80}, "pass", 200, "0.25"),
    ("max_price_drift", "0.2", BUY | {"quote": 125}, "pass", 200, "0.2"),
    ("max_price_drift", "0.2", BUY | {"quote": "125.01"}, "refuse", 0, "0.200064"),
    ("max_price_drift", "0.25", BUY | {"quote": "79.99"}, "refuse", 0, "0.250156"),
    ("max_price_drift", "0.01", BUY, "refuse", 0, None),
    ("max_price_drift", "0.01", BUY | {"quote": 0}, "refuse", 0, None),
    ("min_reward_to_risk", 2, BUY | {"reward_to_risk": 2}, "pass", 200, 2),
    ("min_reward_to_risk", 2, BUY | {"reward_to_risk": "1.9999"}, "refuse", 0, "1.9999"),
    ("min_reward_to_risk", 2, BUY, "refuse", 0, None),
    ("max_daily_loss", 500, BUY | {"day_pnl": "-499.99"}, "pass", 200, "499.99"),
    ("max_daily_loss", 500, BUY | {"day_pnl": -500}, "refuse", 0, 500),
    ("max_daily_loss", 500, BUY | {"day_pnl": 900}, "pass", 200, 0),
    ("max_daily_loss", 500, BUY, "refuse", 0, None),
    ("max_drawdown", "0.2", BUY | {"past": {"peak": 124_999}}, "pass", 200, "0.199994"),
    ("max_drawdown", "0.2", BUY | {"past": {"peak": 125_000}}, "refuse", 0, "0.2"),
    ("max_drawdown", "0.2", BUY | {"past": {"peak": 90_000}}, "pass", 200, 0),
    ("max_drawdown", "0.2", BUY | {"past": {"peak": -5}, "equity": -9}, "refuse", 0, 1),
    ("max_drawdown", "0.2", BUY, "refuse", 0, None),
    ("max_orders_per_day", 3, BUY | tally(today=2), "pass", 200, 3),
    ("max_orders_per_day", 3, BUY | tally(today=3), "refuse", 0, 4),
    ("max_orders_per_minute", 2, BUY | tally(last_minute=1), "pass", 200, 2),
    ("max_orders_per_minute", 2, BUY | tally(last_minute=2), "refuse", 0, 3),
    ("no_repeat_minutes", 60, BUY, "pass", 200, None),
    ("no_repeat_minutes", 60, BUY | tally(same_minutes_ago=60), "pass", 200, 60),
    ("no_repeat_minutes", 60, BUY | tally(same_minutes_ago="59.99"), "refuse", 0, "59.99"),
    ("no_repeat_minutes", 60, BUY | {"working_buys": 1}, "refuse", 0, 0),
    ("no_repeat_minutes", 60, BUY | {"working_sells": 1}, "pass", 200, None),
    ("no_repeat_minutes", 60, SELL | {"working_sells": 1}, "refuse", 0, 0),
    ("cooldown_minutes", 60, BUY | {"past": {"peak": 1}}, "pass", 200, None),
    (
        "cooldown_minutes",
        60,
        BUY | {"past": {"peak": 1, "loss": 9, "minutes_since_loss": 60}},
        "pass",
        200,
        60,
    ),
    (
        "cooldown_minutes",
        60,
        BUY | {"past": {"peak": 1, "loss": 9, "minutes_since_loss": 59}},
        "refuse",
        0,
        59,
    ),
    ("cooldown_minutes", 60, BUY, "refuse", 0, None),
    ("max_open_positions", 3, BUY | {"open_positions": 2}, "pass", 200, 3),
    ("max_open_positions", 3, BUY | {"open_positions": 3}, "refuse", 0, 4),
    ("max_open_positions", 3, BUY | {"open_positions": 3, "held": 1}, "pass", 200, 4),
    ("forbid_short", True, BUY, "pass", 200, None),
    ("forbid_short", True, SELL, "refuse", 0, 200),
    ("forbid_short", True, SELL | {"held": 200}, "pass", 200, 200),
    ("forbid_short", True, SELL | {"held": 150}, "clamp", 150, 200),
    ("forbid_short", True, SELL | {"held": 150, "working_sells": 100}, "clamp", 50, 200),
    ("forbid_short", True, SELL | {"held": 150, "lot": 100}, "clamp", 100, 200),
    ("max_quantity", 200, BUY, "pass", 200, 200),
    ("max_quantity", "199.5", BUY, "clamp", 199, 200),
    ("max_order_value", 20_000, BUY, "pass", 200, 20_000),
    ("max_order_value", "19999.99", BUY, "clamp", 199, 20_000),
    ("max_position_value", 20_000, BUY, "pass", 200, 20_000),
    ("max_position_value", 20_000, BUY | {"held": 50}, "clamp", 150, 25_000),
    ("max_position_value", 20_000, BUY | {"held": -50}, "pass", 200, 15_000),
    ("max_position_value", 20_000, BUY | {"held": 10, "working_buys": 40}, "clamp", 150, 25_000),
    ("max_position_value", 20_000, SELL | {"working_sells": 50}, "clamp", 150, 25_000),
    ("max_position_value", 20_000, BUY | {"held": 200}, "refuse", 0, 40_000),
    ("max_share_of_equity", "0.2", BUY, "pass", 200, "0.2"),
    ("max_share_of_equity", "0.2", BUY | {"working_buys": 50}, "clamp", 150, "0.25"),
    ("max_share_of_three", "0.5", BUY | book(20_000, 10_000, 9_000), "pass", 200, "0.5"),
    ("max_share_of_three", "0.5", BUY | book(20_000, 15_000, 9_000), "clamp", 150, "0.55"),
    ("max_share_of_three", "0.5", BUY | book(30_000, 20_000), "refuse", 0, "0.7"),
    ("max_share_of_three", "0.5", BUY | {"book": None}, "refuse", 0, None),
    ("max_share_of_three", "0.5", BUY | {"equity": -1}, "refuse", 0, None),
    ("max_gross_exposure", 50_000, BUY | book(20_000, 10_000), "pass", 200, 50_000),
    ("max_gross_exposure", 50_000, BUY | book(20_000, 10_050), "clamp", 199, 50_050),
    ("max_gross_exposure", 50_000, BUY | book(50_000), "refuse", 0, 70_000),
    ("max_gross_exposure", 50_000, BUY | book(50_000) | {"held": -200}, "pass", 200, 50_000),
    ("max_gross_exposure", 50_000, BUY | {"book": None}, "refuse", 0, None),
    ("max_net_exposure", 50_000, BUY | book(90_000, long=30_000), "pass", 200, 50_000),
    ("max_net_exposure", 50_000, BUY | book(90_000, long=45_000), "clamp", 50, 65_000),
    (
        "max_net_exposure",
        50_000,
        SELL | book(90_000, long=45_000, short=-45_000),
        "pass",
        200,
        -25_000,
    ),
    ("max_net_exposure", 50_000, SELL | book(90_000, short=45_000), "clamp", 50, 65_000),
    ("max_net_exposure", 50_000, BUY | {"book": None}, "refuse", 0, None),
    ("max_leverage", 1, BUY | book(80_000), "pass", 200, 1),
    ("max_leverage", 1, BUY | book(80_001), "clamp", 199, 1),
    ("max_leverage", 1, BUY | book(100_000), "refuse", 0, "1.2"),
    ("max_leverage", 1, BUY | {"book": None}, "refuse", 0, None),
    ("max_leverage", 1, BUY | {"equity": 0}, "refuse", 0, None),
]


@pytest.mark.parametrize(("rule", "limit", "order", "verdict", "quantity", "value"), CASES)
def test_a_limit_bites_exactly_where_it_says(
    rule: str, limit: Any, order: dict[str, Any], verdict: str, quantity: int, value: Any
) -> None:
    settings = RiskSettings.model_validate(FREE | {rule: limit})
    report = check_all(Proposal.model_validate(order), settings)
    (found,) = [each for each in report.verdicts if each.rule == rule]
    assert found.verdict == verdict
    assert found.quantity == quantity
    assert found.value == (None if value is None else Decimal(value))
    assert found.level == "strategy"
    assert found.sentence.endswith(".")
    assert found.code in ("ok", rule, f"{rule}_unknown")


NOT_KNOWN = {
    "only_when_open": True,
    "minutes_before_reset": 30,
    "max_quote_age_seconds": 5,
    "max_price_drift": "0.01",
    "min_reward_to_risk": 2,
    "max_daily_loss": 500,
    "max_drawdown": "0.2",
    "cooldown_minutes": 60,
    "max_share_of_three": 1,
    "max_gross_exposure": 1_000_000,
    "max_net_exposure": 1_000_000,
    "max_leverage": 10,
}


@pytest.mark.parametrize("rule", NOT_KNOWN)
def test_what_cannot_be_measured_is_named_so_and_passes_only_where_no_money_is_at_stake(
    rule: str,
) -> None:
    settings = RiskSettings.model_validate(FREE | {rule: NOT_KNOWN[rule]})
    report = check_all(Proposal.model_validate(BUY | {"book": None}), settings)
    (found,) = [each for each in report.verdicts if each.verdict != "pass"]
    assert (found.rule, found.code, found.value) == (rule, f"{rule}_unknown", None)
    assert report.is_refused == (rule != "minutes_before_reset")


def test_every_limit_is_in_the_table() -> None:
    tried = {rule for rule, *_ in CASES}
    assert {rule.name for rule in in_order()} - tried == {"stop_side", "minimum_quantity"}
    for rule in tried:
        said = {verdict for name, _, _, verdict, *_ in CASES if name == rule}
        assert {"pass"} < said, rule


@pytest.mark.parametrize("rule", [rule.name for rule in in_order() if rule.settings.model_fields])
def test_what_is_not_known_refuses_nothing_while_nobody_sets_the_limit(rule: str) -> None:
    nothing_known = Proposal.model_validate(BUY | {"book": None, "equity": 100_000})
    report = check_all(nothing_known, RiskSettings.model_validate(FREE))
    assert not report.is_refused
    (found,) = [each for each in report.verdicts if each.rule == rule]
    assert found.verdict == "pass"


def test_a_limit_that_is_measured_in_vain_names_what_is_missing() -> None:
    report = check_all(
        Proposal.model_validate(BUY | {"book": None}),
        RiskSettings.model_validate(FREE),
        LimitsInForce(account=Limits.model_validate({"max_gross_exposure": 1_000_000})),
    )
    assert (report.is_refused, report.reason_code) == (True, "max_gross_exposure_unknown")
    (found,) = [each for each in report.verdicts if each.verdict == "refuse"]
    assert found.level == "account"
    assert found.limit == 1_000_000
    assert report.sentence == "Not every position's worth in the account's currency is known."
