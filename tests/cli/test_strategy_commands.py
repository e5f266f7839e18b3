"""glassbox strategy: definitions out to files and in again, versions compared and brought back."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backend.cli import app
from backend.core.database import transaction
from backend.core.errors import Conflict, InvalidInput, NotFound
from backend.strategies import service
from tests.support.live_engine import Engine, definition


@pytest.fixture
def strategy_id(engine: Engine) -> int:
    return engine.save(definition(name="Trend")).id


def types(*words: object, piped: str | None = None) -> Result:
    command = ["strategy", *(str(word) for word in words)]
    return CliRunner().invoke(app, command, input=piped)


def test_out_to_a_file_changed_and_in_again_as_a_version(strategy_id: int, tmp_path: Path) -> None:
    file = tmp_path / "trend.yaml"
    file.write_text(types("export", "Trend").output.replace("lot: null", "lot: 10"))
    done = types("import", file, "--into", "Trend")
    assert "Saved 'Trend': strategy 1, version 2." in done.output
    assert types("diff", "Trend").output == "risk.lot: None -> 10\n"
    assert "as version 3" in types("restore", "Trend", 1).output
    assert types("diff", strategy_id, "--from", 1, "--to", 3).output.endswith("say the same.\n")
    assert "lot: 10" in types("export", "Trend", "--version", 2).output


def test_a_file_becomes_a_strategy_of_its_own_under_a_free_name(strategy_id: int) -> None:
    text = types("export", strategy_id).output
    taken = types("import", "-", piped=text)
    assert isinstance(taken.exception, Conflict)
    done = types("import", "-", piped=text.replace("name: Trend", "name: Other"))
    assert "Saved 'Other': strategy 2, version 1." in done.output
    assert "'Other 2'" in types("duplicate", "Other").output
    assert [line.split()[-1] for line in types("list").output.splitlines()[1:]] == [
        "Other",
        "2",
        "Trend",
    ]
    with transaction() as session:
        assert not service.get(session, 2).is_enabled


def test_wrong_files_and_names_are_refused(strategy_id: int, tmp_path: Path) -> None:
    for file, said in ((tmp_path, "cannot be read"), (tmp_path / "none.yaml", "cannot be read")):
        error = types("import", file).exception
        assert isinstance(error, InvalidInput)
        assert said in error.message
    error = types("import", "-", piped="name: [").exception
    assert isinstance(error, InvalidInput)
    assert "Line 1" in error.message
    assert isinstance(types("export", "Trent").exception, NotFound)
    assert isinstance(types("restore", "Trend", 7).exception, NotFound)


@pytest.mark.usefixtures("engine")
def test_an_empty_list_says_how_to_begin() -> None:
    assert "glassbox strategy import FILE" in types("list").output
