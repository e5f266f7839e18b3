import pytest

from backend.core import errors
from backend.core.errors import AppError, InvalidInput, UnknownName, did_you_mean
from backend.core.registry import Registry


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.InvalidInput, 422),
        (errors.UnknownName, 422),
        (errors.NotAllowed, 403),
        (errors.NotFound, 404),
        (errors.Conflict, 409),
        (errors.OutsideError, 502),
        (errors.TemporaryError, 503),
        (errors.SessionDown, 503),
    ],
)
def test_every_error_knows_its_status_and_its_reason(kind: type[AppError], status: int) -> None:
    error = kind("It did not work.", code="because", field="risk.lot")
    assert (error.status_code, error.code, error.field) == (status, "because", "risk.lot")
    assert str(error) == error.message == "It did not work."
    assert kind("Again.").code == kind.code


def test_the_tree_in_the_documentation_names_every_error() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    ours = [kind for kind in kinds if issubclass(kind, AppError)]
    for kind in ours:
        assert kind.__name__ in (errors.__doc__ or "")


def test_only_adapters_try_again_so_a_lost_session_is_no_temporary_error() -> None:
    assert not issubclass(errors.SessionDown, errors.TemporaryError)


def test_a_near_miss_is_offered_and_a_far_one_is_not() -> None:
    assert did_you_mean("smaa", ["sma", "rsi"]) == " Did you mean 'sma'?"
    assert did_you_mean("volume", ["sma", "rsi"]) == ""


def test_a_registry_gives_back_what_was_registered_and_lists_it_in_order() -> None:
    registry: Registry[int] = Registry("number")
    assert registry.register("two")(2) == 2
    registry.register("one")(1)
    assert registry.get("two") == 2
    assert list(registry) == ["one", "two"]
    assert ("one" in registry, "three" in registry, len(registry)) == (True, False, 2)


def test_a_name_that_is_taken_cannot_be_registered_again() -> None:
    registry: Registry[int] = Registry("number")
    registry.register("one")(1)
    with pytest.raises(ValueError, match="Two numbers are named 'one'"):
        registry.register("one")(1)


def test_an_unknown_name_is_an_input_error_with_a_suggestion() -> None:
    registry: Registry[int] = Registry("number")
    registry.register("seven")(7)
    with pytest.raises(UnknownName, match=r"No number is named 'sevn'\. Did you mean 'seven'\?"):
        registry.get("sevn")
    assert issubclass(UnknownName, InvalidInput)
