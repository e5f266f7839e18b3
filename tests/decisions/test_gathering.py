"""Decisions out of real executions' records, and what the paper gateway's market did next."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from sqlalchemy import func, select, text, update

from backend.core.clock import to_ms
from backend.core.database import transaction
from backend.core.errors import OutsideError, SessionDown
from backend.core.values import Timeframe
from backend.decisions import following, gathering
from backend.decisions.models import Decision, Question
from backend.executions.models import Execution
from backend.market import series
from backend.trading.signal import Action
from backend.workflow.outcome import Outcome
from backend.workflow.steps.base import FetchedBars, MarketData
from tests.support.live_engine import FRIDAY, Engine, definition, example

BY_VIEW = definition(signal={"source": "view", "min_confidence": 0.01})


def decisions() -> list[Decision]:
    with transaction() as session:
        return list(session.scalars(select(Decision).order_by(Decision.execution_id)))


def gather(engine: Engine) -> int:
    return gathering.gather(engine.tools.storage)


def follow(engine: Engine) -> int:
    return following.follow(engine.tools.market, engine.clock)


def ran(engine: Engine, document: dict[str, Any] | None = None) -> Decision:
    engine.run(document)
    gather(engine)
    return decisions()[-1]


def leap(engine: Engine, **by: float) -> None:
    engine.advance(**by)
    engine.gateway.control.session("ready")


def test_a_decision_is_what_its_record_says(engine: Engine) -> None:
    execution, records = engine.run()
    assert gather(engine) == 1
    [made] = decisions()
    signal = (records[9].output or {})["signal"]
    assert (made.execution_id, made.symbol, made.action) == (execution.id, "AAPL", Action.BUY)
    assert (made.timeframe, made.as_of) == (Timeframe.DAY, FRIDAY)
    assert made.entry == Decimal(signal["entry"])
    assert made.targets == signal["targets"]
    assert (made.outcome, made.has_plan) == (Outcome.OBSERVED, True)
    assert (made.analyst, made.is_rule_based, made.is_simulated) == (None, False, True)
    # Without a picture the last closes are drawn; the last of them is the one decided on.
    assert made.chart_sha256 is None
    assert len(made.closes) == 40
    assert made.closes[-1] == float(made.last_close)


def test_gathering_again_adds_nothing(engine: Engine) -> None:
    engine.run()
    assert [gather(engine) for _ in range(3)] == [1, 0, 0]


def test_a_view_brings_its_analyst_its_claims_and_a_question_per_timeframe(engine: Engine) -> None:
    engine.run(example())
    gather(engine)
    [made] = decisions()
    assert (made.analyst, made.is_rule_based) == ("rule-based", True)
    assert made.claims > 0
    with transaction() as session:
        asked = {each.name: each for each in session.scalars(select(Question))}
    assert set(asked) == {"1d", "1w", "view"}
    assert len({each.prompt_version_id for each in asked.values()}) == 2
    assert len({each.system_version_id for each in asked.values()}) == 1


def test_an_execution_without_a_signal_is_no_decision(engine: Engine) -> None:
    engine.run(definition(symbols=["APPL"]))
    assert gather(engine) == 0
    assert decisions() == []


def test_a_replay_is_no_decision_and_asks_nothing(engine: Engine) -> None:
    engine.run(BY_VIEW)
    engine.run({**BY_VIEW, "name": "Again"})
    with transaction() as session:
        session.execute(
            text("UPDATE executions SET trigger = 'replay', replay_of = 1 WHERE id = 2")
        )
    gather(engine)
    assert [made.execution_id for made in decisions()] == [1]
    with transaction() as session:
        assert set(session.scalars(select(Question.execution_id))) == {1}


def test_an_outcome_that_comes_later_is_added(engine: Engine) -> None:
    made = ran(engine)
    with transaction() as session:
        session.execute(update(Decision).values(outcome=None, has_plan=False))
        session.execute(update(Execution).values(outcome=None, status="running"))
    gather(engine)
    assert decisions()[0].outcome is None
    with transaction() as session:
        session.execute(update(Execution).values(outcome="blocked", status="finished"))
    gather(engine)
    assert (decisions()[0].outcome, decisions()[0].has_plan) == (Outcome.BLOCKED, False)
    assert decisions()[0].execution_id == made.execution_id


def test_nothing_is_known_before_the_first_bar_closes(engine: Engine) -> None:
    ran(engine)
    leap(engine, hours=2)
    assert follow(engine) == 0
    [made] = decisions()
    assert (made.bars_after, made.after_1, made.touched) == (0, None, None)
    # Friday's own bar has closed since; the next to look at is Monday's.
    assert made.next_look_at == FRIDAY + timedelta(days=3, minutes=31)


def test_results_come_with_the_bars_and_are_those_of_the_market(engine: Engine) -> None:
    made = ran(engine)
    leap(engine, days=10)
    assert follow(engine) == 1
    [made] = decisions()
    # Monday to Wednesday, Friday (half a day), and Monday 30 is still on.
    assert made.bars_after == 4
    assert made.after_5 is None
    bars = engine.tools.market.bars(contract(engine), Timeframe.DAY, 4, engine.clock.now()).bars
    assert made.entry is not None
    assert float(made.after_1 or 0) == pytest.approx(float(bars.close[0]) / float(made.entry) - 1)
    assert follow(engine) == 0
    leap(engine, days=40)
    assert follow(engine) == 1
    [made] = decisions()
    assert (made.bars_after, made.next_look_at) == (20, None)
    assert made.after_5 is not None
    assert made.after_20 is not None


def contract(engine: Engine) -> Any:
    return engine.tools.market.resolve("AAPL")


def test_bars_are_fetched_once_for_all_decisions_of_a_series(engine: Engine) -> None:
    for name in ("one", "two", "three"):
        engine.run(definition(name=name))
    gather(engine)
    leap(engine, days=5)
    market = Counting(engine.tools.market)
    assert following.follow(cast(MarketData, market), engine.clock) == 3
    assert market.asked == 1


class Counting:
    """The market, and how often it was asked for bars."""

    def __init__(self, market: MarketData) -> None:
        self._market = market
        self.asked = 0

    def bars(self, *args: Any) -> FetchedBars:
        self.asked += 1
        return self._market.bars(*args)


def test_a_round_fetches_a_few_series_and_the_next_one_goes_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.run(definition(name="a", symbols=["AAPL"]))
    engine.run(definition(name="b", symbols=["MSFT"]))
    gather(engine)
    leap(engine, days=5)
    monkeypatch.setattr(following, "MOST_SERIES", 1)
    assert [follow(engine) for _ in range(3)] == [1, 1, 0]


def test_a_session_that_is_down_leaves_everything_due(engine: Engine) -> None:
    ran(engine)
    leap(engine, days=5)
    engine.gateway.control.session("logged_out")
    with pytest.raises((SessionDown, OutsideError)):
        follow(engine)
    engine.gateway.control.session("ready")
    assert follow(engine) == 1


def test_what_the_store_holds_needs_no_broker(engine: Engine) -> None:
    ran(engine)
    leap(engine, days=5)
    engine.tools.market.bars(contract(engine), Timeframe.DAY, 60, engine.clock.now())
    engine.gateway.control.session("logged_out")
    assert follow(engine) == 1


def test_bars_that_never_come_are_given_up(engine: Engine) -> None:
    ran(engine)
    leap(engine, days=70)
    with transaction() as session:
        session.execute(text("DELETE FROM bars"))
        session.execute(text("DELETE FROM bar_coverage"))
    # Long overdue: nobody asks for them any more, and the page says so.
    assert follow(engine) == 0
    [made] = decisions()
    assert (made.next_look_at, made.bars_after, made.after_1) == (None, 0, None)


def test_no_bar_after_the_moment_leaks_into_what_was_decided(engine: Engine) -> None:
    made = ran(engine)
    copied = {
        column.name: getattr(made, column.name)
        for column in Decision.__table__.columns
        if column.name not in RESULTS
    }
    leap(engine, days=60)
    follow(engine)
    [after] = decisions()
    assert {name: getattr(after, name) for name in copied} == copied
    with transaction() as session:
        bars = series.bars_from(session, series.Key(made.conid, Timeframe.DAY), 0)
    assert made.last_bar_time <= to_ms(FRIDAY)
    assert int(bars.time[-1]) > made.last_bar_time


RESULTS = {
    *("next_look_at", "bars_after", "after_1", "after_5", "after_20"),
    *("touched", "touched_bar", "touch_is_ambiguous"),
}


def test_a_record_of_a_shape_that_nobody_knows_is_passed_over(engine: Engine) -> None:
    engine.run()
    with transaction() as session:
        session.execute(
            text("UPDATE workflow_lineage SET input = '{}' WHERE step = 'generate_signal'")
        )
    assert gather(engine) == 0
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 0
