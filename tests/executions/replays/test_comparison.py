"""What differs between two executions, and what only looks as if it did."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.errors import InvalidInput
from backend.core.hashing import canonical_json
from backend.executions.conversing import Talk
from backend.executions.models import Execution, LineageRecord, RecordStatus, Status, Trigger
from backend.executions.replays.comparison import Comparison, Side, State, StepComparison, compare
from backend.executions.replays.documents import MISSING, at, differences, put, value_of
from backend.workflow.outcome import Outcome

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def record(step: str, output: dict[str, Any] | None = None, **columns: Any) -> LineageRecord:
    values = {"status": RecordStatus.FINISHED, "artifacts": [], "notes": [], "seconds": 0.1}
    return LineageRecord(step=step, output=output, **{**values, **columns})


def side(
    *records: LineageRecord,
    talks: dict[str, list[Talk]] | None = None,
    outcome: Outcome | None = Outcome.HELD,
    **definition: Any,
) -> Side:
    status = Status.FINISHED if outcome else Status.RUNNING
    return Side(
        execution=Execution(
            id=1,
            symbol="AAPL",
            trigger=Trigger.CLI,
            status=status,
            outcome=outcome,
            reason_code="rules_silent",
        ),
        strategy_name="Trend",
        version_number=1,
        definition=definition,
        prompts={"chart": "chart version 1"},
        records=records,
        talks=talks or {},
    )


def step(found: Comparison, name: str) -> StepComparison:
    return next(each for each in found.steps if each.step == name)


def changes(first: dict[str, Any], second: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    found = compare(side(record("check_data", first)), side(record("check_data", second)))
    return {each.path: (each.first, each.second) for each in step(found, "check_data").facts}


def test_the_same_facts_in_another_order_or_spelling_are_the_same() -> None:
    one, other = {"a": 1, "b": {"c": 2.0}}, {"b": {"c": 2}, "a": 1.0}
    found = compare(side(record("check_data", one)), side(record("check_data", other)))
    assert step(found, "check_data").state is State.SAME
    assert (found.parts_at, found.sentence) == (None, "Both found the same in every step.")


def test_every_changed_fact_is_told_by_its_path_with_both_values() -> None:
    assert changes({"a": {"b": [1, 2]}, "gone": 1}, {"a": {"b": [1, 3]}, "new": None}) == {
        "a.b": ([1, 2], [1, 3]),
        "gone": (1, None),
        "new": (None, None),
    }


def test_items_of_a_list_are_compared_with_their_like() -> None:
    one = {"rules": [{"rule": "lot", "value": 1}, {"rule": "side", "value": 2}]}
    other = {"rules": [{"rule": "side", "value": 3}, {"rule": "lot", "value": 1}]}
    assert changes(one, other) == {
        "rules.side.value": (2, 3),
        "rules.order": (["lot", "side"], ["side", "lot"]),
    }


def test_items_without_names_are_compared_by_their_place() -> None:
    one, other = {"x": [{"v": 1}, {"v": 2}]}, {"x": [{"v": 1}, {"v": 5}, {"v": 6}]}
    assert changes(one, other) == {"x.1.v": (2, 5), "x.2": (None, {"v": 6})}


@pytest.mark.parametrize(
    ("first", "second", "difference", "ratio"),
    [
        ("100.50", "110.55", Decimal("10.05"), 0.1),
        (-4, -2, Decimal(2), 0.5),
        (0, 5, Decimal(5), None),
        ("BUY", "SELL", None, None),
        (True, False, None, None),
        ("1e999999", "1", None, None),
        ("NaN", "1", None, None),
    ],
)
def test_numbers_tell_by_how_much_also_where_money_is_text(
    first: Any, second: Any, difference: Decimal | None, ratio: float | None
) -> None:
    found = compare(
        side(record("check_data", {"x": first})), side(record("check_data", {"x": second}))
    )
    [fact] = step(found, "check_data").facts
    assert fact.difference == difference
    assert fact.ratio == (None if ratio is None else pytest.approx(ratio))


def test_how_long_something_took_does_not_make_it_another_thing() -> None:
    one = record("fetch_bars", {"snapshots": {"1d": {"cache_hit": False, "fetched": 9}}})
    other = record("fetch_bars", {"snapshots": {"1d": {"cache_hit": True, "fetched": 0}}})
    found = compare(side(one), side(other))
    assert step(found, "fetch_bars").state is State.SAME
    assert all(fact.is_incidental for fact in step(found, "fetch_bars").facts)


def test_the_first_step_where_they_part_is_named() -> None:
    one = side(record("preflight", {"a": 1}), record("fetch_bars", {"b": 1}))
    other = side(record("preflight", {"a": 1}), record("fetch_bars", {"b": 2}))
    assert compare(one, other).parts_at == "fetch_bars"


def test_only_the_last_word_of_a_step_counts() -> None:
    lost = record("preflight", status=RecordStatus.INTERRUPTED)
    parked = record("preflight", status=RecordStatus.PARKED)
    one = side(lost, parked, record("preflight", {"a": 1}))
    assert step(compare(one, side(record("preflight", {"a": 1}))), "preflight").state is State.SAME


def test_a_step_that_one_of_them_did_not_run_says_which_one() -> None:
    skipped = record("form_view", status=RecordStatus.SKIPPED, reason_code="blocked")
    found = compare(side(record("form_view", {"view": 1})), side(skipped))
    assert step(found, "form_view").state is State.ONLY_FIRST
    assert step(compare(found.second, found.first), "form_view").state is State.ONLY_SECOND
    assert step(found, "reconcile").state is State.NEITHER


def test_another_reason_to_end_is_a_difference_without_any_fact() -> None:
    ends: dict[str, Any] = {"status": RecordStatus.FAILED, "outcome": Outcome.FAILED}
    one = side(record("fetch_bars", reason_code="no_data", **ends))
    other = side(record("fetch_bars", reason_code="no_permission", **ends))
    assert step(compare(one, other), "fetch_bars").state is State.CHANGED


def test_steps_to_come_of_an_execution_under_way_are_waited_for() -> None:
    under_way = side(record("preflight", {"a": 1}), outcome=None)
    found = compare(side(record("preflight", {"a": 1}), record("fetch_bars", {"b": 1})), under_way)
    assert step(found, "fetch_bars").state is State.WAITING
    assert not found.is_finished
    assert found.parts_at is None


def test_orders_that_a_replay_withheld_are_no_difference() -> None:
    placed = record("place_orders", {"order": 1})
    withheld = record(
        "place_orders", status=RecordStatus.SKIPPED, outcome=Outcome.OBSERVED, reason_code="replay"
    )
    found = compare(side(placed), side(withheld))
    assert step(found, "place_orders").state is State.WITHHELD
    assert found.parts_at is None


def test_settings_and_prompts_that_differ_are_told_as_what_was_asked() -> None:
    one = side(signal={"source": "view"}, charts=[{"timeframe": "1d", "bars": 60}])
    other = side(signal={"source": "rules"}, charts=[{"timeframe": "1d", "bars": 90}])
    asked = {each.path: (each.first, each.second) for each in compare(one, other).asked}
    assert asked == {"signal.source": ("view", "rules"), "charts.1d.bars": (60, 90)}


def talk(prompt: str = "Judge.", answer: str = "long", title: str = "1d") -> Talk:
    return Talk(
        title=title,
        analyst="openai",
        model="m",
        prompt="chart version 1",
        request_hash="h",
        cost_usd=Decimal(0),
        is_recorded=False,
        prompt_text=prompt,
        answer_text=answer,
    )


def test_talks_are_paired_by_what_they_are_about() -> None:
    def talked(*talks: Talk) -> Side:
        return side(record("analyze_charts", {}), talks={"analyze_charts": list(talks)})

    found = compare(talked(talk(), talk(title="1w")), talked(talk(title="1w", answer="short")))
    day, week = step(found, "analyze_charts").talks
    assert (day.title, day.second, day.is_same) == ("1d", None, False)
    assert week.differing == [("answer", "long", "short")]


def test_artifacts_and_charts_are_paired_by_name() -> None:
    def kept(name: str, sha256: str) -> dict[str, Any]:
        return {"name": name, "sha256": sha256, "content_type": "x/y", "size": 1}

    one = [kept("chart_1d.plotly.json", "a"), kept("chart_1d.png", "b")]
    other = [kept("chart_1d.plotly.json", "a"), kept("chart_1w.plotly.json", "c")]
    found = step(
        compare(
            side(record("render_charts", {}, artifacts=one)),
            side(record("render_charts", {}, artifacts=other)),
        ),
        "render_charts",
    )
    assert [(each.name, each.is_same) for each in found.artifacts] == [
        ("chart_1d.plotly.json", True),
        ("chart_1d.png", False),
        ("chart_1w.plotly.json", False),
    ]
    assert [(timeframe, png and png.first) for timeframe, _, png in found.charts] == [
        ("1d", "b"),
        ("1w", None),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("xyz", min_size=1, max_size=1), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_there_are_differences_exactly_where_documents_differ(one: Any, other: Any) -> None:
    found = list(differences(one, other))
    assert bool(found) == (canonical_json(one) != canonical_json(other))
    back = [(each.path, each.after, each.before) for each in differences(other, one)]
    assert sorted(map(repr, back)) == sorted(
        repr((each.path, each.before, each.after)) for each in found
    )
    assert all(each.before is not MISSING or each.after is not MISSING for each in found)


def test_a_value_is_read_as_what_stands_in_its_place() -> None:
    document: dict[str, Any] = {
        "text": "x",
        "number": 1,
        "list": ["a"],
        "nothing": None,
        "on": True,
        "tree": {"a": 1},
    }
    read = {
        path: value_of(document, path, text)
        for path, text in {
            "text": "5 > 4, really",
            "number": "2.5",
            "list": "b, c ,",
            "nothing": "7",
            "on": "false",
            "tree": '{"a": 2}',
        }.items()
    }
    assert read == {
        "text": "5 > 4, really",
        "number": 2.5,
        "list": ["b", "c"],
        "nothing": 7,
        "on": False,
        "tree": {"a": 2},
    }
    assert value_of(document, "list", '["b", 2]') == ["b", 2]
    assert value_of(document, "list", "[b, c]") == ["b", "c"]
    assert value_of(document, "number", "many") == "many", "its own check will name the mend"


def test_a_path_reaches_into_lists_and_refuses_what_is_not_there() -> None:
    document = {"charts": [{"bars": 1}, {"bars": 2}]}
    put(document, "charts.1.bars", 9)
    assert at(document, "charts.1.bars") == 9
    for path in ("charts.2.bars", "charts.-1.bars", "chart", "charts.1.bars.x", ""):
        with pytest.raises(InvalidInput):
            put(document, path, 1)
