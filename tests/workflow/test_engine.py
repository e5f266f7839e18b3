from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

import pytest

from backend.core.errors import InvalidInput, OutsideError, SessionDown, TemporaryError
from backend.workflow import engine
from backend.workflow.engine import StepResult, StepStatus
from backend.workflow.outcome import Ends, NotNeeded, Outcome
from backend.workflow.steps import Step, Tools
from tests.workflow.toy_steps import (
    DOUBLE,
    FIND,
    NOON,
    Doubled,
    Nothing,
    Price,
    Total,
    a_step,
    tools,
)


def run(*steps: Step, **facts: Any) -> list[StepResult]:
    return list(engine.run(steps, facts, tools()))


def raising(error: Exception) -> Callable[[Any, Tools], NoReturn]:
    def fail(_: Any, __: Tools) -> NoReturn:
        raise error

    return fail


def test_a_step_is_given_what_the_one_before_it_found() -> None:
    found, doubled = run(FIND, DOUBLE)
    assert found.output == {"price": 21}
    assert (doubled.input, doubled.output) == ({"price": 21}, {"doubled": 42})
    assert (doubled.status, doubled.outcome, doubled.bug) == (StepStatus.FINISHED, None, None)


def test_facts_known_at_the_start_reach_the_first_step() -> None:
    [doubled] = run(DOUBLE, price=4, unrelated="fact")
    assert doubled.input == {"price": 4}
    assert doubled.output == {"doubled": 8}


def test_facts_pass_as_json_so_that_a_resumed_execution_sees_the_same() -> None:
    step = a_step("sum", lambda _, __: Total(total=Decimal("1.50"), at=NOON), finds=Total)
    assert run(step)[0].output == {"total": "1.50", "at": "2026-03-02T12:00:00Z"}


def test_the_facts_that_were_given_are_left_alone() -> None:
    facts = {"price": 1}
    list(engine.run([DOUBLE], facts, tools()))
    assert facts == {"price": 1}


def test_every_step_starts_with_an_empty_notebook() -> None:
    def note(_: Nothing, outside: Tools) -> Nothing:
        outside.note("Looked.", where="here")
        return Nothing()

    first, second = run(a_step("one", note), a_step("two", note))
    line = {"at": NOON.isoformat(), "note": "Looked.", "where": "here"}
    assert first.notes.lines == second.notes.lines == [line]


def test_a_step_that_ends_the_execution_is_the_last_and_keeps_what_it_found() -> None:
    reason = Ends(Outcome.HELD, "too_weak", "The signal is weak.", found=Price(price=3))
    [ended] = run(a_step("judge", raising(reason), finds=Price), DOUBLE)
    assert (ended.status, ended.outcome) == (StepStatus.ENDED, Outcome.HELD)
    assert (ended.code, ended.sentence) == ("too_weak", "The signal is weak.")
    assert ended.output == {"price": 3}


def test_a_step_may_end_the_execution_without_having_found_anything() -> None:
    [ended] = run(a_step("judge", raising(Ends(Outcome.SKIPPED, "late", "Too late."))))
    assert (ended.outcome, ended.output) == (Outcome.SKIPPED, None)


def test_a_step_that_is_not_needed_is_skipped_and_the_execution_goes_on_with_its_facts() -> None:
    reason = NotNeeded("rules_only", "Nobody is asked.", found=Price(price=5))
    skipped, doubled = run(a_step("ask", raising(reason), finds=Price), DOUBLE)
    assert (skipped.status, skipped.code, skipped.outcome) == (
        StepStatus.SKIPPED,
        "rules_only",
        None,
    )
    assert doubled.output == {"doubled": 10}


@pytest.mark.parametrize("kind", [SessionDown, TemporaryError])
def test_a_part_that_is_away_parks_the_execution_without_an_outcome(
    kind: type[OutsideError],
) -> None:
    error = kind("Log in to the gateway.", code="logged_out")
    [parked] = run(a_step("look", raising(error)), FIND)
    assert (parked.status, parked.outcome) == (StepStatus.PARKED, None)
    assert (parked.code, parked.sentence) == ("logged_out", "Log in to the gateway.")
    assert parked.bug is None


def test_a_failure_that_found_something_keeps_it() -> None:
    reason = Ends(Outcome.FAILED, "refused", "The model refused.", found=Price(price=3))
    [failed] = run(a_step("ask", raising(reason), finds=Price))
    assert (failed.status, failed.outcome) == (StepStatus.FAILED, Outcome.FAILED)
    assert failed.output == {"price": 3}


def test_an_expected_error_fails_the_execution_with_its_own_reason() -> None:
    error = OutsideError("The model refused.", code="refused")
    [failed] = run(a_step("ask", raising(error)), FIND)
    assert (failed.status, failed.outcome) == (StepStatus.FAILED, Outcome.FAILED)
    assert (failed.code, failed.sentence) == ("refused", "The model refused.")
    assert failed.bug is None


def test_a_bug_fails_the_execution_is_handed_on_and_is_not_shown_in_detail() -> None:
    bug = ZeroDivisionError("the account number is 12345")
    [failed] = run(a_step("compute", raising(bug)), FIND)
    assert (failed.outcome, failed.code, failed.bug) == (Outcome.FAILED, "bug", bug)
    assert failed.sentence is not None
    assert "ZeroDivisionError" in failed.sentence
    assert "12345" not in failed.sentence


def test_a_fact_of_the_wrong_type_fails_the_step_and_is_named() -> None:
    [failed] = run(DOUBLE, price="many")
    assert (failed.outcome, failed.code) == (Outcome.FAILED, "invalid_input")
    assert failed.sentence is not None
    assert "'double' cannot use the fact 'price'" in failed.sentence
    assert failed.input == {}


def test_a_missing_fact_fails_the_step_and_is_named() -> None:
    [failed] = run(DOUBLE)
    assert failed.sentence is not None
    assert "'price': Field required" in failed.sentence


def test_what_a_step_asked_for_is_kept_when_it_fails() -> None:
    step = a_step("double", raising(OutsideError("No.")), asks=Price)
    assert run(step, price=2)[0].input == {"price": 2}


def test_a_skipped_step_says_which_step_ended_the_execution_and_why() -> None:
    [ended] = run(a_step("judge", raising(Ends(Outcome.HELD, "too_weak", "Too weak."))))
    skipped = engine.skipped("order", ended)
    assert (skipped.status, skipped.code) == (StepStatus.SKIPPED, "too_weak")
    assert skipped.sentence == "Step judge ended the execution: Too weak."
    assert (skipped.input, skipped.output, skipped.seconds) == ({}, None, 0.0)


def test_a_plan_whose_steps_find_what_later_ones_ask_for_is_possible() -> None:
    engine.check([FIND, DOUBLE], [])


def test_a_plan_in_which_a_fact_comes_too_late_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"'double' needs \['price'\], which nothing before"):
        engine.check([DOUBLE, FIND], [])


def test_a_plan_in_which_a_fact_has_two_finders_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"'find' finds \['price'\] a second time"):
        engine.check([FIND, FIND], [])
    with pytest.raises(InvalidInput, match="a second time"):
        engine.check([FIND], ["price"])


def test_facts_that_a_step_can_do_without_are_not_needed() -> None:
    class Perhaps(Price):
        price: int = 1

    perhaps = a_step("perhaps", lambda asked, _: Doubled(doubled=asked.price), asks=Perhaps)
    engine.check([perhaps], [])
    assert run(perhaps)[0].output == {"doubled": 1}
