"""Replays beside real executions: they keep nobody waiting, and are counted nowhere by mistake."""

from datetime import timedelta

from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import select

from backend.core.database import transaction
from backend.core.errors import TemporaryError
from backend.decisions.gathering import gather
from backend.decisions.models import Decision, Question
from backend.executions import dispatch, lineage, listing, of_strategies, reaper, service
from backend.executions.executor import StrategyExecutor
from backend.executions.metrics import Metrics
from backend.executions.models import Execution, RecordStatus, Status, Trigger
from backend.executions.verify import verify
from backend.overview import runs
from backend.workflow.outcome import Outcome
from tests.executions.conftest import Watched
from tests.executions.replays.test_replay_facts import run, start, watching
from tests.executions.test_resuming import make_sent_long_ago
from tests.support.live_engine import FRIDAY, Engine, definition, read


def test_a_replay_under_way_keeps_no_execution_of_its_strategy_waiting(engine: Engine) -> None:
    strategy = engine.save(watching(), is_enabled=True)
    first = engine.start(strategy)[0]
    engine.executor.run(first)
    waiting = [start(engine, first), start(engine, first)]
    engine.advance(minutes=1)
    assert engine.executor.run(engine.start(strategy)[0]) is Outcome.OBSERVED
    engine.advance(days=3, minutes=-1)
    assert dispatch.dispatch_due(engine.clock) == 1
    assert {read(each)[0].status for each in waiting} == {Status.QUEUED}


def test_a_replay_waits_in_the_queue_and_shows_what_it_took_over(engine: Engine) -> None:
    source, before = engine.run(watching())
    made = start(engine, source.id, "form_view")
    execution, records = read(made)
    assert (execution.status, execution.current_step) == (Status.QUEUED, "form_view")
    assert [record.step for record in records] == [record.step for record in before[:8]]
    assert all(record.actor.startswith("replay:") for record in records)
    for record, origin in zip(records, before, strict=False):
        assert record.notes[-1]["taken_over_from"] == origin.hash
        assert (record.tokens, record.seconds) == (0, 0.0)
    with transaction() as session:
        assert verify(session, engine.tools.storage, execution).is_intact


def test_what_a_replay_was_asked_is_part_of_its_proof(engine: Engine) -> None:
    source, _ = engine.run(watching())
    replayed, _ = run(engine, source.id, settings={"risk.max_quantity": 1})
    for name, value in (("replay_of", replayed.id), ("replay_from", "x"), ("changes", None)):
        with transaction() as session:
            execution = session.get_one(Execution, replayed.id)
            setattr(execution, name, value)
            session.flush()
            report = verify(session, engine.tools.storage, execution)
            session.rollback()
        assert "what the execution was asked to do" in report.sentence, name


def test_the_proof_of_an_execution_that_is_no_replay_is_as_it_was() -> None:
    execution = Execution(
        strategy_id=1,
        strategy_version_id=1,
        symbol="AAPL",
        due_at=FRIDAY,
        trigger=Trigger.CRON,
        requested_by="schedule",
        prompt_versions={"chart": 1},
    )
    known = "6766c35f275d4a90d7b6695982170fed7192af54e3e0c31a33bb021a2fc5d712"
    assert lineage.genesis(execution) == known


def test_lists_and_statistics_leave_replays_out_unless_they_are_asked_for(engine: Engine) -> None:
    source, _ = engine.run(watching())
    replayed, _ = run(engine, source.id)
    gather(engine.tools.storage)
    since = engine.clock.now() - timedelta(days=1)
    with transaction() as session:
        listed = [each.id for each, _ in service.find(session, service.Filters())]
        replays = service.find(session, service.Filters(trigger=Trigger.REPLAY))
        outcomes = service.outcome_statistics(session, since)
        steps = service.step_statistics(session, since)
        decided = list(session.scalars(select(Decision.execution_id)))
        asked = set(session.scalars(select(Question.execution_id)))
        counts = listing.count(session, service.Filters())
        counted = listing.count(session, service.Filters(trigger=Trigger.REPLAY))
        told = runs.day(session, engine.clock.now()), runs.decisions(session)
        shown = of_strategies.figures(session, engine.clock.now(), [source.strategy_id])
    assert (len(told[0].ticks), len(told[1])) == (1, 1)
    assert [each.id for each in shown[source.strategy_id].runs] == [source.id]
    assert (decided, asked) == ([source.id], {source.id})
    assert (counts.all, counted.all) == ("1", "1")
    assert (listed, [each.id for each, _ in replays]) == ([source.id], [replayed.id])
    assert sum(each["executions"] for each in outcomes) == 1
    assert sum(each["records"] for each in steps) == 13
    registry = CollectorRegistry()
    registry.register(Metrics(engine.clock))
    assert b'outcome="observed",reason="observe_only"} 1.0' in generate_latest(registry)


def test_a_parked_replay_goes_on_without_the_brokers_session(
    engine: Engine, watched: Watched
) -> None:
    def away() -> None:
        raise TemporaryError("The storage is away.")

    source, _ = engine.run(watching())
    made = start(engine, source.id, "render_charts")
    watched.before["render_charts"] = away
    assert watched.executor(engine).run(made) is None
    assert read(made)[0].status is Status.PARKED
    engine.gateway.control.session("logged_out")
    engine.advance(days=2)
    make_sent_long_ago()
    assert reaper.resume_parked(engine.tools.broker, engine.clock) == 1
    assert StrategyExecutor(engine.tools).run(made) is Outcome.OBSERVED
    statuses = [each.status for each in read(made)[1] if each.step == "render_charts"]
    assert statuses == [RecordStatus.PARKED, RecordStatus.FINISHED]


def test_a_replay_is_never_too_late(engine: Engine) -> None:
    source, _ = engine.run(definition())
    engine.advance(days=400)
    assert run(engine, source.id)[0].outcome is Outcome.OBSERVED
