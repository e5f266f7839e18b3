"""glassbox replay and glassbox diff, on the real engine; a thread stands in for the worker."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from backend.cli import app
from backend.core.database import transaction
from backend.core.errors import AppError
from backend.core.settings import Settings
from backend.executions.models import Execution, Status
from tests.executions.replays.test_replay_facts import watching
from tests.support.live_engine import Engine, read


@pytest.fixture
def source(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[int]:
    """An execution, and a worker that runs whatever waits."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr("backend.storage.from_settings", lambda: engine.tools.storage)
    monkeypatch.setattr(Settings, "clock", property(lambda _: engine.clock))
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.05):
            with transaction() as session:
                waiting = select(Execution.id).where(Execution.status == Status.QUEUED)
                ids = list(session.scalars(waiting))
            for each in ids:
                engine.executor.run(each)

    made = engine.run(watching())[0].id
    thread = threading.Thread(target=work)
    thread.start()
    yield made
    stop.set()
    thread.join()


def types(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_fork_is_followed_to_its_end_and_held_against_its_source(source: int) -> None:
    done = types("replay", source, "--set", "risk.max_quantity=1", "--set", "signal.targets=2,4")
    assert done.exit_code == 0, done.output
    assert f"a replay of {source} from generate_signal" in done.output
    assert "size_and_check_risk  changed" in done.output
    assert "risk.max_quantity" in done.output
    assert "They part at generate signal" in done.output
    assert read(source + 1)[0].replay_of == source


def test_an_untouched_replay_is_told_to_be_the_same(source: int) -> None:
    done = types("replay", source, "--from", "check_data")
    assert "Both found the same in every step." in done.output


def test_a_prompt_is_replayed_with_the_text_of_a_file(source: int, tmp_path: Path) -> None:
    (tmp_path / "bold.jinja").write_text("Be [bold]bold[/bold] about {{ symbol }}.\n")
    done = types("replay", source, "--prompt-file", f"chart={tmp_path / 'bold.jinja'}")
    assert done.exit_code == 0, done.output
    assert "+Be [bold]bold[/bold] about AAPL." in done.output
    assert "chart version 2" in done.output


def test_two_executions_are_compared_as_json(source: int) -> None:
    types("replay", source, "--set", "risk.max_quantity=1")
    found = json.loads(types("diff", source, source + 1, "--json").output)
    assert found["parts_at"] == "size_and_check_risk"
    assert "Both found the same" in types("diff", source, source).output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--set", "risk.max_quantity"], "write a name, '=' and a value"),
        (["--set", "risk.max_quantitty=1"], "Did you mean 'max_quantity'"),
        (["--prompt-file", "chart=/nowhere"], "cannot be read"),
        (["--from", "form_veiw"], "Did you mean 'form_view'"),
    ],
)
def test_a_slip_is_answered_with_the_mend(source: int, words: list[str], sentence: str) -> None:
    done = types("replay", source, *words)
    assert isinstance(done.exception, AppError)
    assert sentence in done.exception.message
