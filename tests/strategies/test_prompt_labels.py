"""What runs is what the label says: moving it, taking it off, going back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, select, text

from backend.core.database import transaction
from backend.core.errors import Conflict, NotFound
from backend.embedded.postgres import PostgresServer
from backend.strategies import prompts
from backend.web.audit import AuditRow
from backend.workflow.settings import PromptLabel
from tests.conftest import forget_connections
from tests.support.live_engine import Engine, definition, read

CONFIG = Config(Path(__file__).parents[2] / "database" / "alembic.ini")
BEFORE_LABELS = "c0e86378bc67"
ON_TRIAL = definition(name="On trial", signal={"source": "view"}, analysis__prompt_label="trial")
BY_VIEW = definition(signal={"source": "view"})


@pytest.fixture
def second(engine: Engine) -> Engine:
    """An engine whose chart prompt has a second version, saved and not in force."""
    with transaction() as session:
        prompts.add_defaults(session, engine.clock)
        prompts.save(
            session, engine.clock, name="chart", template="Second {{ symbol }}.", author="ann"
        )
    return engine


def move(engine: Engine, label: PromptLabel, number: int, name: str = "chart") -> None:
    with transaction() as session:
        prompts.move_label(
            session, engine.clock, name=name, label=label, number=number, actor="person:ann"
        )


def labels() -> dict[str, int]:
    with transaction() as session:
        return prompts.labels(prompts.get(session, "chart"))


def chart_version(engine: Engine, document: dict[str, object]) -> int:
    """Which version of the chart prompt a run of this strategy was asked by."""
    _execution, records = engine.run(document)
    [talk] = (records[7].output or {})["conversations"]
    number: int = talk["prompt_version"]
    return number


def test_a_first_version_runs_at_once_and_a_new_one_waits(second: Engine) -> None:
    assert labels() == {"production": 1}
    assert chart_version(second, BY_VIEW) == 1


def test_moving_production_changes_the_next_execution_and_moving_back_is_the_roll_back(
    second: Engine,
) -> None:
    strategy = second.save(BY_VIEW)
    made = []
    for number in (2, 1):
        move(second, "production", number)
        [execution_id] = second.start(strategy)
        # Moved again while the execution waits: it keeps the version in force when it was made.
        move(second, "production", 3 - number)
        second.executor.run(execution_id)
        second.advance(seconds=1)
        made.append(execution_id)
    talks = [(read(each)[1][7].output or {})["conversations"][0] for each in made]
    assert [talk["prompt_version"] for talk in talks] == [2, 1]


def test_only_strategies_on_trial_run_the_trial_version(second: Engine) -> None:
    move(second, "trial", 2)
    assert chart_version(second, ON_TRIAL) == 2
    assert chart_version(second, BY_VIEW) == 1


def test_a_strategy_on_trial_runs_production_where_nothing_is_on_trial(second: Engine) -> None:
    assert chart_version(second, ON_TRIAL) == 1
    move(second, "trial", 2)
    with transaction() as session:
        prompts.take_label_off(
            session, second.clock, name="chart", label="trial", actor="person:ann"
        )
    assert labels() == {"production": 1}
    assert chart_version(second, {**ON_TRIAL, "name": "Again"}) == 1


def test_production_cannot_be_taken_off(second: Engine) -> None:
    with transaction() as session, pytest.raises(Conflict, match="always has a version"):
        prompts.take_label_off(
            session, second.clock, name="chart", label="production", actor="person:ann"
        )


def test_a_version_that_does_not_exist_moves_nothing(second: Engine) -> None:
    with pytest.raises(NotFound, match="no version 7; the newest is 2"):
        move(second, "production", 7)
    with pytest.raises(NotFound, match="Did you mean 'chart'"):
        move(second, "production", 1, name="chrt")
    assert labels() == {"production": 1}


def test_every_move_is_in_the_audit_log_and_a_move_to_where_it_stands_is_none(
    second: Engine,
) -> None:
    for number in (2, 2, 1):
        move(second, "production", number)
    with transaction() as session:
        moves = select(AuditRow).where(AuditRow.action == "prompt.label_moved")
        rows = list(session.scalars(moves.order_by(AuditRow.id)))
    assert [(row.actor, row.action, row.subject) for row in rows] == [
        ("person:ann", "prompt.label_moved", "prompt chart")
    ] * 2
    assert [(row.before, row.after) for row in rows] == [
        ({"production": 1}, {"production": 2}),
        ({"production": 2}, {"production": 1}),
    ]


def test_a_definition_from_before_labels_runs_production(second: Engine) -> None:
    with transaction() as session:
        in_force = prompts.in_force(session)
    names = {"system": "system", "chart": "chart", "view": "view"}
    picked = prompts.pick({"analysis": {"prompts": names}}, in_force)
    assert picked["chart"] == in_force["chart", "production"]


def test_the_migration_leaves_in_force_what_was_newest(
    postgres: PostgresServer, set_env: Callable[..., None]
) -> None:
    server = create_engine(postgres.url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS before_labels"))
        connection.execute(text("CREATE DATABASE before_labels"))
    old = create_engine(server.url.set(database="before_labels"))
    set_env(DATABASE_URL=old.url.render_as_string(hide_password=False))
    forget_connections()
    try:
        command.upgrade(CONFIG, BEFORE_LABELS)
        with old.begin() as connection:
            connection.execute(
                text("INSERT INTO prompts (name, kind, created_at) VALUES ('p', 'chart', now())")
            )
            connection.execute(
                text("""
                    INSERT INTO prompt_versions
                      (prompt_id, number, template, created_at, created_by)
                    SELECT 1, number, 'x', now(), 'ann' FROM generate_series(1, 3) AS number
                """)
            )
        command.upgrade(CONFIG, "head")
        with old.connect() as connection:
            moved = connection.execute(
                text("SELECT label, version_id FROM prompt_labels")
            ).fetchall()
    finally:
        old.dispose()
        server.dispose()
        forget_connections()
    assert [tuple(row) for row in moved] == [("production", 3)]
