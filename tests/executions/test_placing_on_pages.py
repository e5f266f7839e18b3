"""How the page of an execution tells of the orders that it placed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from backend.papergateway.faults import FaultKind
from tests.executions.test_run_page import HOSTILE, run_page
from tests.portfolio.orders.test_safe_endings import TRADE, fault, meanwhile, pull
from tests.support.live_engine import Engine, definition


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, set_env: Callable[..., None]) -> None:
    set_env(GLASSBOX_HOME=str(tmp_path))


def test_a_filled_bracket_is_told_with_its_costs_and_questions(
    http: TestClient, engine: Engine
) -> None:
    execution, _ = engine.run(definition(**TRADE | {"signal__targets": [2, 3]}))
    html = run_page(http, execution.id)
    assert "It sent an order to buy 100 AAPL." in html
    assert "answered yes by the rules for them" in html
    assert "100 shares filled at" in html
    assert "Each target is a bracket of its own" in html
    assert "-1-entry2" in html
    assert "policy: o10331 is covered" in html
    assert "Position of the account" in html
    assert "Nothing has been sent" not in html


def test_a_question_that_was_refused_stands_on_the_page_as_text(
    http: TestClient, engine: Engine
) -> None:
    fault(engine, FaultKind.UNKNOWN_QUESTION, after=1, message_id="o99999", text=f"Go? {HOSTILE}")
    execution, records = engine.run(definition(**TRADE))
    html = run_page(http, execution.id)
    assert HOSTILE not in html
    assert "It was answered no" in html
    assert "withdrawn" in html
    placement = (records[-2].output or {})["placement"]
    assert placement["questions"][-1]["answer"] == "no"


def test_an_order_that_was_kept_in_says_that_nothing_went_out(
    http: TestClient, engine: Engine
) -> None:
    halted = meanwhile(engine, lambda: pull(engine))
    execution, _ = halted.run(definition(**TRADE))
    html = run_page(http, execution.id)
    assert "All trading is halted" in html
    assert "Nothing was reserved, and nothing went out." in html
