"""Why an execution did or did not want to trade, out of facts alone."""

from typing import Any

import pytest

from backend.executions.findings import finding
from backend.executions.models import Execution, Status
from backend.executions.story import story
from backend.workflow.outcome import Outcome
from backend.workflow.plan import STEP_NAMES

BUY: dict[str, Any] = {"action": "BUY", "entry": "100", "stop": "95", "reward_to_risk": "2"}


def told(outcome: Outcome | None, facts: dict[str, Any], **execution: Any) -> tuple[str, str]:
    """Headline and paragraph."""
    status = Status.FINISHED if outcome else Status.QUEUED
    made = Execution(**{"symbol": "AAPL", "outcome": outcome, "status": status, **execution})
    said = story(made, facts, source="agree", ended_at="")
    return said.headline, " ".join(said.sentences)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_a_headline_with_and_without_facts(outcome: Outcome) -> None:
    for facts in ({}, {"signal": BUY, "order_plan": {"quantity": "12"}}):
        headline, _ = told(outcome, facts)
        assert headline.endswith(".")
        assert "None" not in headline
        assert "?" not in headline


def test_a_wish_is_told_with_its_size_and_side() -> None:
    facts = {"signal": BUY, "order_plan": {"quantity": "1200"}}
    assert told(Outcome.OBSERVED, facts)[0] == "It wanted to buy 1,200 AAPL, and only watched."
    short = {"signal": BUY | {"action": "SELL"}}
    assert told(Outcome.REJECTED, short)[0].startswith("It wanted to sell short AAPL,")


def test_a_limit_is_told_apart_from_bad_data() -> None:
    assert "a limit forbade it" in told(Outcome.BLOCKED, {"signal": BUY})[0]
    assert "is not good enough" in told(Outcome.BLOCKED, {})[0]


def test_a_view_that_contradicts_the_data_is_told_with_its_number() -> None:
    wrong = {"verdict": "wrong", "sentence": "close is quoted as 333; 1d data has 100."}
    check = {"claims": [wrong, {"verdict": "right"}], "levels": []}
    headline, paragraph = told(Outcome.HELD, {"signal": BUY, "claim_check": check})
    assert headline == "It wanted to buy AAPL, and held back: its own numbers do not stand."
    assert "Of 2 numbers that the view quotes, 1 contradict the data: close is quoted" in paragraph


def test_rules_are_told_by_what_decided_them() -> None:
    false = {"verdict": False, "sentence": "close (1) is not above 2."}
    true = {"verdict": True, "sentence": "rsi (3) is below 4."}
    unknown = {"verdict": None, "sentence": "sma cannot be compared."}
    facts = {"long_rule": {"verdict": False, "findings": [false, true]}}
    assert "does not hold: close (1) is not above 2." in told(None, facts)[1]
    assert "rsi" not in told(None, facts)[1]
    facts = {"short_rule": {"verdict": None, "findings": [true, unknown]}}
    said = "The rule for selling short cannot be judged yet: sma cannot be compared."
    assert said in told(None, facts)[1]


def test_dissent_is_told_with_the_view() -> None:
    view = {"opinion": {"direction": "long", "confidence": 0.6}, "dissent": ["one sees it else"]}
    opinions = [{"is_rule_based": False}, {"is_rule_based": False}]
    paragraph = told(None, {"view": view, "opinions": opinions})[1]
    assert paragraph == ("The model sees it rising, with 60% confidence, against 1 of 2 opinions.")


def test_no_step_has_a_line_for_nothing_and_none_breaks_on_half_a_record() -> None:
    for name in STEP_NAMES:
        assert finding(name, {}) == ""
        assert isinstance(finding(name, {"something": "else"}), str)
