"""Saving strategies: versions, names, due times; and the prompts that they name."""

import pytest

from backend.analysis.prompts import defaults
from backend.core.clock import ManualClock
from backend.core.database import transaction
from backend.core.errors import Conflict, InvalidInput, NotFound
from backend.strategies import prompts, service
from backend.strategies.models import Strategy, StrategyVersion
from tests.support.live_engine import FRIDAY, definition

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def clock(db: str) -> ManualClock:
    made = ManualClock(FRIDAY)
    with transaction() as session:
        prompts.add_defaults(session, made)
    return made


def create(clock: ManualClock, **changes: object) -> Strategy:
    with transaction() as session:
        return service.create(session, clock, document=definition(**changes), author="ann")


def update(clock: ManualClock, strategy: Strategy, **changes: object) -> StrategyVersion:
    with transaction() as session:
        return service.update(
            session,
            clock,
            service.get(session, strategy.id),
            document=definition(**changes),
            author="bob",
        )


def stored(strategy: Strategy) -> Strategy:
    with transaction() as session:
        return service.get(session, strategy.id)


def test_a_new_strategy_has_its_first_version_and_waits_switched_off(clock: ManualClock) -> None:
    strategy = stored(create(clock))
    assert (strategy.name, strategy.is_enabled, strategy.version_number) == (
        "Always long",
        False,
        1,
    )
    [version] = strategy.versions
    assert (version.number, version.created_by, version.created_at) == (1, "ann", FRIDAY)


def test_the_next_due_time_is_known_at_once_and_is_strictly_ahead(clock: ManualClock) -> None:
    # It is exactly half past eight, half an hour before the close: the next one is Monday's.
    due = stored(create(clock)).next_due_at
    assert due is not None
    assert due.isoformat() == "2026-11-23T20:30:00+00:00"


def test_a_changed_definition_is_a_new_version_and_the_old_one_stays(clock: ManualClock) -> None:
    strategy = create(clock)
    clock.advance(minutes=1)
    update(clock, strategy, description="Better", schedule={"when": "0 9 * * *"})
    now = stored(strategy)
    assert [version.number for version in now.versions] == [1, 2]
    assert [version.definition["description"] for version in now.versions] == ["", "Better"]
    assert (now.version_number, now.versions[1].created_by) == (2, "bob")
    assert now.updated_at > now.created_at
    assert now.next_due_at is not None
    assert now.next_due_at.hour == 9


def test_an_unchanged_definition_adds_no_version(clock: ManualClock) -> None:
    strategy = create(clock)
    assert update(clock, strategy).number == 1
    assert len(stored(strategy).versions) == 1


def test_two_strategies_cannot_have_one_name(clock: ManualClock) -> None:
    create(clock)
    other = create(clock, name="Other")
    with pytest.raises(Conflict, match="already named 'Always long'"):
        create(clock)
    with pytest.raises(Conflict, match="already named 'Always long'"):
        update(clock, other)


def test_an_archived_strategy_is_out_of_use_and_its_name_is_free(clock: ManualClock) -> None:
    strategy = create(clock)
    with transaction() as session:
        service.archive(session, clock, service.get(session, strategy.id), actor="test")
    with pytest.raises(NotFound):
        stored(strategy)
    with transaction() as session:
        assert service.list_all(session) == []
    assert create(clock).id != strategy.id


def test_switching_on_looks_ahead_and_makes_up_for_nothing(clock: ManualClock) -> None:
    strategy = create(clock)
    clock.advance(days=10)
    with transaction() as session:
        found = service.get(session, strategy.id)
        service.enable(session, clock, found, is_enabled=True, actor="test")
    now = stored(strategy)
    assert now.is_enabled
    assert now.next_due_at is not None
    assert now.next_due_at > clock.now()


def test_a_strategy_is_found_by_name_or_id_and_a_near_miss_is_offered(clock: ManualClock) -> None:
    strategy = create(clock)
    with transaction() as session:
        assert service.find(session, "Always long").id == strategy.id
        assert service.find(session, str(strategy.id)).id == strategy.id
        with pytest.raises(NotFound, match="Did you mean 'Always long'"):
            service.find(session, "Always lnog")
        with pytest.raises(NotFound, match="no strategy 4711"):
            service.find(session, "4711")


@pytest.mark.parametrize("number", ["9" * 30, "²", "٣"], ids=["huge", "superscript", "arabic"])
def test_an_odd_number_is_no_strategy_and_no_crash(clock: ManualClock, number: str) -> None:
    with transaction() as session, pytest.raises(NotFound):
        service.find(session, number)


def test_a_version_that_does_not_exist_is_told_with_the_newest(clock: ManualClock) -> None:
    strategy = stored(create(clock))
    assert service.version(strategy, 1).number == 1
    with pytest.raises(NotFound, match="no version 7; the newest is 1"):
        service.version(strategy, 7)


def test_the_prompts_that_come_along_are_added_once(clock: ManualClock) -> None:
    with transaction() as session:
        prompts.add_defaults(session, clock)
        listed = prompts.list_all(session)
    assert sorted(prompt.kind for prompt in listed) == sorted(defaults())
    assert [len(prompt.versions) for prompt in listed] == [1] * len(listed)


def test_every_save_of_a_prompt_is_a_version_and_the_same_text_adds_none(
    clock: ManualClock,
) -> None:
    for template in ("Judge {{ symbol }}.", "Judge {{ symbol }}.", "Look at {{ symbol }}."):
        with transaction() as session:
            prompts.save(session, clock, name="chart", template=template, author="ann")
    with transaction() as session:
        texts = [version.template for version in prompts.get(session, "chart").versions]
        in_force = prompts.in_force(session)["chart", "production"]
        assert texts[1:] == ["Judge {{ symbol }}.", "Look at {{ symbol }}."]
        assert prompts.get(session, "chart").versions[0].id == in_force


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ symbl }}", "Did you mean 'symbol'"),
        ("{% if %}", "Line 1"),
        ("{{ symbol.__class__.mro() }}", "Line 1"),
        ("", "empty"),
    ],
)
def test_a_template_that_does_not_render_is_refused_and_nothing_is_saved(
    clock: ManualClock, template: str, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        save_prompt(clock, template)
    with transaction() as session:
        assert len(prompts.get(session, "chart").versions) == 1


def save_prompt(clock: ManualClock, template: str) -> None:
    with transaction() as session:
        prompts.save(session, clock, name="chart", template=template, author="ann")


def test_an_unknown_prompt_is_told_with_the_nearest_name(clock: ManualClock) -> None:
    with transaction() as session, pytest.raises(NotFound, match="Did you mean 'chart'"):
        prompts.get(session, "chrt")


def test_a_strategy_that_names_an_unknown_prompt_is_told_field_and_near_miss(
    clock: ManualClock,
) -> None:
    with pytest.raises(InvalidInput, match="Did you mean 'chart'") as raised:
        create(clock, analysis={"prompts": {"chart": "chrt"}})
    assert raised.value.field == "analysis.prompts.chart"
    with pytest.raises(InvalidInput, match="is of kind 'view'"):
        create(clock, analysis={"prompts": {"chart": "view"}})
