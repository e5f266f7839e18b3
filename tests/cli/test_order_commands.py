"""glassbox orders, as a person types it."""

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from backend.cli import app
from backend.core.errors import NotFound
from backend.portfolio.orders.models import Role
from backend.trading.order_state import OrderState
from tests.support.kept_orders import HOSTILE, lone, orders_of, trade


@pytest.fixture(autouse=True)
def wide(db: str, set_env: Callable[..., None]) -> None:
    set_env(COLUMNS="200")


def said(*words: str) -> str:
    answer = CliRunner().invoke(app, ["orders", *words])
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_without_orders_it_says_how_to_see_all() -> None:
    assert "glassbox orders --tab all" in said()
    assert "No such orders" in said("--tab", "refused")


def test_working_orders_are_listed_and_others_by_tab() -> None:
    trade()
    lone(OrderState.REFUSED, reason="No funds.")
    working = said()
    assert "SELL 100 stop 95" in working
    assert "SELL 100 limit 110" in working
    assert "entry" not in working
    assert "No funds." in said("--tab", "refused")
    assert "at the market" in said("--tab", "all", "--symbol", "msft")


def test_one_order_is_told_from_its_plan_to_its_last_fill() -> None:
    entry = orders_of(trade())[Role.ENTRY]
    told = said("--id", str(entry.id))
    for each in ("It is planned now.", "It is filled now.", "o10331", "policy", "60 at 100.02"):
        assert each in told, each


def test_what_others_wrote_is_no_markup() -> None:
    number = lone(OrderState.REFUSED, reason="[bold]x[/bold]" + HOSTILE)
    assert str(number) in said("--tab", "refused")


def test_an_order_that_is_not_there_is_told_as_such() -> None:
    answer = CliRunner().invoke(app, ["orders", "--id", "4711"])
    assert isinstance(answer.exception, NotFound)
