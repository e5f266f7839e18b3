import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.analysis import view
from backend.analysis.base import Direction, Opinion
from backend.analysis.facts import ChartOpinion
from backend.analysis.validity import impossible
from backend.core.values import Timeframe
from tests.support.openai_server import NEUTRAL, opinion

LONG = opinion()
SHORT = opinion(direction="short", entry=100.0, stop=103.0, targets=[94.0])


def item(
    timeframe: Timeframe, given: dict[str, object] | None, confidence: float = 0.8
) -> ChartOpinion:
    found = None
    if given is not None:
        found = Opinion.model_validate({**given, "confidence": confidence})
    return ChartOpinion(timeframe=timeframe, analyst="openai", is_rule_based=False, opinion=found)


DAY, WEEK = Timeframe.DAY, Timeframe.WEEK


def test_agreement_keeps_the_confidence_and_the_plan_of_the_first_timeframe() -> None:
    formed = view.form([item(DAY, LONG), item(WEEK, opinion(entry=101.0))])
    assert formed is not None
    assert (formed.direction, formed.confidence) == (Direction.LONG, 0.8)
    assert (formed.opinion.entry, formed.agreement, formed.dissent) == (100.0, 1.0, [])


def test_the_first_timeframe_weighs_twice_the_second_and_dissent_is_named() -> None:
    formed = view.form([item(DAY, LONG), item(WEEK, SHORT)])
    assert formed is not None
    # (1 * 0.8 - 0.5 * 0.8) / 1.5
    assert formed.score == pytest.approx(0.2667, abs=1e-4)
    assert formed.direction is Direction.LONG
    assert formed.dissent == ["openai reads 1w as short at 80% confidence, against long."]
    assert formed.agreement == pytest.approx(2 / 3, abs=1e-4)


def test_opinions_that_cancel_out_are_neutral_without_a_plan() -> None:
    formed = view.form([item(DAY, LONG, 0.4), item(WEEK, SHORT, 0.8)])
    assert formed is not None
    assert formed.direction is Direction.NEUTRAL
    assert (formed.opinion.entry, formed.opinion.stop, formed.opinion.targets) == (None, None, [])
    assert len(formed.dissent) == 2


def test_a_refusal_counts_for_nothing_but_keeps_its_place() -> None:
    formed = view.form([item(DAY, None), item(WEEK, SHORT)])
    assert formed is not None
    assert (formed.direction, formed.confidence) == (Direction.SHORT, 0.8)


def test_no_opinion_at_all_is_no_view() -> None:
    assert view.form([]) is None
    assert view.form([item(DAY, None)]) is None


def test_an_analysts_own_view_keeps_its_words_and_gets_the_dissent() -> None:
    own = Opinion.model_validate(opinion(confidence=0.55))
    formed = view.around(own, [item(DAY, LONG), item(WEEK, SHORT)])
    assert formed.opinion == own
    assert len(formed.dissent) == 1
    assert "1w by openai short at 80%" in formed.rationale


opinions = st.lists(
    st.builds(
        item,
        st.sampled_from([Timeframe.DAY, Timeframe.WEEK, Timeframe.HOUR_1]),
        st.sampled_from([LONG, SHORT, NEUTRAL, None]),
        st.floats(0, 1),
    ),
    max_size=6,
)


@given(opinions)
def test_any_view_is_possible_and_as_sure_as_its_score(given: list[ChartOpinion]) -> None:
    formed = view.form(given)
    if formed is None:
        assert all(item.opinion is None for item in given)
        return
    assert impossible(formed.opinion) == []
    assert formed.confidence == pytest.approx(abs(formed.score))
    assert 0 <= formed.agreement <= 1
