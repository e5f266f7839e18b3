import pytest

from backend.core.errors import UnknownName
from backend.workflow.plan import STEP_NAMES, live_plan
from backend.workflow.steps import steps
from tests.workflow.toy_steps import FIND


def test_an_execution_has_thirteen_steps_of_different_names() -> None:
    assert len(STEP_NAMES) == len(set(STEP_NAMES)) == 13


def test_the_steps_that_run_come_in_the_order_of_their_names() -> None:
    names = [step.name for step in live_plan().steps]
    assert names == list(STEP_NAMES)


def test_no_step_is_registered_that_the_plan_does_not_name() -> None:
    assert set(steps) == set(STEP_NAMES)


def test_every_step_has_the_name_of_its_file_and_of_its_function() -> None:
    for step in live_plan().steps:
        module = step.run.__module__.rpartition(".")[2]
        assert (module, step.run.__name__) == (step.name, step.name)


def test_no_two_steps_find_the_same_fact() -> None:
    found = [name for step in live_plan().steps for name in sorted(step.finds)]
    assert sorted(found) == sorted(set(found))


def test_an_unknown_step_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'fetch_bars'"):
        steps.get("fetch_bar")


def test_a_second_step_of_the_same_name_cannot_be_registered() -> None:
    with pytest.raises(ValueError, match="Two steps are named 'preflight'"):
        steps.register("preflight")(FIND)


def test_a_plan_knows_what_comes_behind_a_step() -> None:
    assert live_plan().after("generate_signal") == (
        "size_and_check_risk",
        "place_orders",
        "reconcile",
    )
    assert live_plan().after("reconcile") == ()
