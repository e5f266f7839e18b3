"""Limits of everything, of an account and of a strategy together: the strictest wins."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from backend.trading.limits import (
    LEVELS,
    Limits,
    LimitsInForce,
    RiskReport,
    RiskSettings,
    check_all,
    in_order,
    strictest,
)
from backend.trading.oversight import PastOrder, minutes_between, tallies
from backend.trading.risk import Level, Proposal, Verdict
from backend.trading.signal import Action

ORDER = {
    "side": "BUY",
    "symbol": "AAPL",
    "quantity": 200,
    "entry": 100,
    "stop": 95,
    "lot": 1,
    "equity": 100_000,
    "book": {},
}
FREE = {"max_share_of_equity": 1, "max_orders_per_day": 10_000}
NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def check(
    strategy: dict[str, Any] | None = None,
    account: dict[str, Any] | None = None,
    everything: dict[str, Any] | None = None,
    **order: Any,
) -> RiskReport:
    return check_all(
        Proposal.model_validate(ORDER | order),
        RiskSettings.model_validate(FREE | (strategy or {})),
        LimitsInForce.model_validate({"account": account or {}, "everything": everything or {}}),
    )


def verdict(report: RiskReport, rule: str) -> Verdict:
    (found,) = [each for each in report.verdicts if each.rule == rule]
    return found


@pytest.mark.parametrize(
    ("strategy", "account", "everything", "quantity", "level"),
    [
        ({"max_quantity": 50}, {"max_quantity": 60}, {"max_quantity": 70}, 50, "strategy"),
        ({"max_quantity": 60}, {"max_quantity": 50}, {"max_quantity": 70}, 50, "account"),
        ({"max_quantity": 70}, {"max_quantity": 60}, {"max_quantity": 50}, 50, "global"),
        ({}, {}, {"max_quantity": 50}, 50, "global"),
        # Nothing bites: the one that is nearest is shown.
        ({"max_quantity": 900}, {"max_quantity": 300}, {}, 200, "account"),
        ({}, {}, {}, 200, None),
    ],
)
def test_the_strictest_level_decides_and_is_named(
    strategy: dict[str, Any],
    account: dict[str, Any],
    everything: dict[str, Any],
    quantity: int,
    level: str | None,
) -> None:
    report = check(strategy, account, everything)
    assert report.quantity == quantity
    assert verdict(report, "max_quantity").level == level


def test_lists_of_several_levels_leave_only_what_all_allow() -> None:
    allowed = {"allowed_symbols": ["AAPL", "MSFT"]}
    assert not check(allowed, {"allowed_symbols": ["AAPL", "IBM"]}).is_refused
    report = check(allowed, {"allowed_symbols": ["MSFT", "IBM"]})
    assert (report.reason_code, verdict(report, "allowed_symbols").level) == (
        "allowed_symbols",
        "account",
    )
    assert check(allowed, {}, {"denied_symbols": ["aapl"]}).reason_code == "denied_symbols"


def test_each_level_counts_its_own_orders() -> None:
    counted = {"strategy": {"today": 1}, "account": {"today": 5}, "global": {"today": 20}}
    limits = {"max_orders_per_day": 6}
    assert not check(limits, limits, tallies=counted).is_refused
    report = check(limits, limits, limits, tallies=counted)
    found = verdict(report, "max_orders_per_day")
    assert (found.verdict, found.level) == ("refuse", "global")
    assert found.value == 21
    assert check({}, {"max_orders_per_day": 5}, tallies=counted).is_refused


def test_a_level_without_limits_changes_nothing() -> None:
    limits = RiskSettings.model_validate({"max_quantity": 50})
    proposal = Proposal.model_validate(ORDER)
    assert check_all(proposal, limits, LimitsInForce()) == check_all(proposal, limits)


def test_limits_above_strategies_have_no_defaults_and_the_same_bounds() -> None:
    assert set(Limits().model_dump().values()) == {None}
    fields = {name for rule in in_order() for name in rule.settings.model_fields}
    assert set(Limits.model_fields) == fields
    for name, value in (("max_leverage", 0), ("max_orders_per_day", True), ("max_quantitty", 1)):
        with pytest.raises(ValidationError) as raised:
            Limits.model_validate({name: value})
        assert raised.value.errors()[0]["loc"][0] == name


def test_earlier_orders_are_counted_by_strategy_by_account_and_in_all() -> None:
    def order(**changes: Any) -> PastOrder:
        usual = {
            "strategy_id": 1,
            "account": "DU1",
            "symbol": "AAPL",
            "side": "BUY",
            "at": NOON - timedelta(minutes=30),
        }
        return PastOrder.model_validate(usual | changes)

    found = tallies(
        [
            order(),
            order(at=NOON - timedelta(seconds=59)),
            order(at=NOON - timedelta(seconds=60), symbol="MSFT"),
            order(strategy_id=2, at=NOON - timedelta(minutes=2)),
            order(strategy_id=2, account="DU2", at=NOON + timedelta(seconds=5)),
            # Of an account that is not known any more: it may have been this one.
            order(strategy_id=2, account=None, side=None, at=NOON - timedelta(days=2)),
        ],
        strategy_id=1,
        account="DU1",
        symbol="AAPL",
        side=Action.BUY,
        as_of=NOON,
        day_start=NOON.replace(hour=5),
    )
    counts = {level: (each.today, each.last_minute) for level, each in found.items()}
    assert counts == {"strategy": (3, 1), "account": (4, 1), "global": (5, 2)}
    assert found["strategy"].same_minutes_ago == Decimal("0.98")
    assert found["global"].same_minutes_ago == 0


def test_minutes_are_never_below_zero() -> None:
    assert minutes_between(NOON, NOON - timedelta(hours=1)) == 0
    assert minutes_between(NOON, NOON + timedelta(seconds=90)) == Decimal("1.5")


MONEY = st.integers(1, 200_000)
COUNT = st.integers(1, 50)
SHARE = st.decimals("0.01", "1", places=2)
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "allowed_symbols": st.lists(st.sampled_from(["AAPL", "MSFT"]), max_size=2),
        "denied_symbols": st.lists(st.sampled_from(["AAPL", "IBM"]), max_size=1),
        "forbid_short": st.booleans(),
        "max_quantity": COUNT.map(lambda count: count * 10),
        "max_order_value": MONEY,
        "max_position_value": MONEY,
        "max_share_of_equity": SHARE,
        "max_share_of_three": SHARE,
        "max_gross_exposure": MONEY,
        "max_net_exposure": MONEY,
        "max_leverage": SHARE,
        "max_open_positions": COUNT,
        "max_orders_per_day": COUNT,
        "no_repeat_minutes": COUNT,
        "max_drawdown": SHARE,
        "max_daily_loss": MONEY,
    },
)
ORDERS = st.fixed_dictionaries(
    {
        "side": st.sampled_from(["BUY", "SELL"]),
        "quantity": st.integers(0, 2_000),
        "entry": st.decimals("0.5", "500", places=2),
        "lot": st.sampled_from([1, 7, "0.25"]),
        "equity": st.integers(-10, 300_000),
        "held": st.integers(-500, 500),
        "working_buys": st.integers(0, 200),
        "working_sells": st.integers(0, 200),
        "open_positions": st.integers(0, 60),
        "day_pnl": st.none() | st.integers(-100_000, 1_000),
        "past": st.none() | st.fixed_dictionaries({"peak": st.integers(0, 400_000)}),
        "book": st.none()
        | st.fixed_dictionaries(
            {
                "others": st.lists(MONEY, max_size=4).map(lambda each: sorted(each, reverse=True)),
                "net_long": st.integers(-100_000, 100_000),
                "net_short": st.integers(-100_000, 100_000),
            }
        ),
        "tallies": st.fixed_dictionaries(
            {
                level: st.fixed_dictionaries({"today": st.integers(0, 60)})
                for level in ("strategy", "account", "global")
            }
        ),
    }
)


def stop_of(order: dict[str, Any]) -> Decimal:
    entry: Decimal = order["entry"]
    return entry * (Decimal("0.5") if order["side"] == "BUY" else 2)


@given(strategy=LIMITS, account=LIMITS, everything=LIMITS, order=ORDERS)
@settings(max_examples=300)
def test_all_levels_together_are_never_looser_than_any_of_them(
    strategy: dict[str, Any],
    account: dict[str, Any],
    everything: dict[str, Any],
    order: dict[str, Any],
) -> None:
    order |= {"stop": stop_of(order)}
    together = check(strategy, account, everything, **order)
    alone = [
        check(strategy, **order),
        check({}, account, **order),
        check({}, {}, everything, **order),
    ]
    assert together.quantity <= min(each.quantity for each in alone)
    assert together.is_refused or not any(each.is_refused for each in alone)


@given(strategy=LIMITS, account=LIMITS, everything=LIMITS, order=ORDERS)
@settings(max_examples=100)
def test_no_limit_lets_the_quantity_grow(
    strategy: dict[str, Any],
    account: dict[str, Any],
    everything: dict[str, Any],
    order: dict[str, Any],
) -> None:
    order |= {"stop": stop_of(order)}
    report = check(strategy, account, everything, **order)
    left = Decimal(order["quantity"])
    for each in report.verdicts:
        assert 0 <= each.quantity <= left
        assert (each.quantity == 0) == (each.verdict == "refuse" or left == 0)
        left = each.quantity if each.verdict == "clamp" else left
    assert report.quantity in (left, 0)


VERDICTS = st.builds(
    Verdict,
    rule=st.just("max_quantity"),
    verdict=st.sampled_from(["pass", "clamp", "unknown"]),
    code=st.just("ok"),
    value=st.none() | st.decimals(0, 100, places=2),
    limit=st.none() | st.decimals(0, 100, places=2),
    quantity=st.integers(1, 100).map(Decimal),
    sentence=st.just("."),
) | st.just(
    Verdict(
        rule="max_quantity",
        verdict="refuse",
        code="max_quantity",
        value=None,
        limit=None,
        quantity=Decimal(0),
        sentence=".",
    )
)


@given(st.dictionaries(st.sampled_from(LEVELS), VERDICTS, min_size=1))
def test_the_strictest_verdict_leaves_no_more_than_any_and_refuses_if_any_does(
    verdicts: dict[Level, Verdict],
) -> None:
    level, chosen = strictest(verdicts)
    assert verdicts[level] is chosen
    assert chosen.quantity == min(each.quantity for each in verdicts.values())
    is_refused = any(each.verdict == "refuse" for each in verdicts.values())
    assert (chosen.verdict == "refuse") == is_refused
