"""Which questions of the broker's are answered yes without asking anybody."""

from decimal import Decimal

import pytest

from backend.trading.questions import (
    COVERED,
    REFUSED,
    answer,
    covered_by_limits,
    covered_by_price,
    mend,
)
from tests.trading.test_brackets import plan


@pytest.mark.parametrize("message_id", sorted(COVERED))
def test_what_our_own_checks_cover_is_answered_yes(message_id: str) -> None:
    assert answer([message_id]).is_yes


@pytest.mark.parametrize("message_id", [*sorted(REFUSED), "o99999", "p12"])
def test_every_other_one_is_answered_no_until_the_strategy_allows_it(message_id: str) -> None:
    assert not answer([message_id]).is_yes
    assert answer([message_id], allowed=[message_id]).is_yes
    assert message_id in mend([message_id])


def test_one_that_has_no_id_is_never_allowed() -> None:
    assert not answer([], allowed=["", *REFUSED], covered=REFUSED).is_yes


def test_of_several_ids_every_one_has_to_be_allowed() -> None:
    assert not answer(["o10151", "o451"]).is_yes
    assert answer(["o10151", "o451"], covered=["o451"]).is_yes


@pytest.mark.parametrize(
    ("quote", "covered"), [("100", True), ("103", True), ("104", False), (None, False)]
)
def test_a_far_price_is_a_target_where_the_entry_is_near(quote: str | None, covered: bool) -> None:
    seen = None if quote is None else Decimal(quote)
    assert ("o163" in covered_by_price(plan(), seen)) is covered
    assert "o163" in covered_by_price(plan(order_type="MKT"), seen)


def test_a_limit_of_our_own_covers_the_brokers_about_size() -> None:
    assert covered_by_limits(["max_order_value", "max_leverage"]) == ("o451",)
    assert covered_by_limits([]) == ()
