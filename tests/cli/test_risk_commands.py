"""glassbox halt, release and limits, as a person types them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backend.cli import app
from backend.core import database
from backend.core.clock import SystemClock
from backend.core.database import transaction
from backend.core.errors import AppError
from backend.executions.models import GatewayState
from backend.portfolio import halt_progress, halts, limits
from backend.portfolio.halt_progress import Work
from backend.strategies import prompts, service
from tests.support.live_engine import FRIDAY, definition

AWAY = "postgresql+psycopg2://nobody@127.0.0.1:1/none"


@pytest.fixture(autouse=True)
def folder(db: str, tmp_path: Path, set_env: Callable[..., None]) -> Path:
    set_env(GLASSBOX_HOME=str(tmp_path), COLUMNS="160")
    return tmp_path


@pytest.fixture
def account(db: str) -> str:
    with transaction() as session:
        session.add(
            GatewayState(
                at=FRIDAY,
                last_seen_at=FRIDAY,
                status="ready",
                detail="",
                account="DU1234567",
                is_paper=True,
                is_simulated=True,
                login_expires_at=None,
            )
        )
    return "DU1234567"


@pytest.fixture
def connect(set_env: Callable[..., None]) -> Iterator[Callable[[str], None]]:
    """Point the commands at another database, or at none."""

    def to(url: str) -> None:
        set_env(DATABASE_URL=url)
        database.engine.cache_clear()

    yield to
    database.engine.cache_clear()


def types(*words: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, list(words), input=answer)


def refusal(*words: str, answer: str = "") -> str:
    error = types(*words, answer=answer).exception
    assert isinstance(error, AppError), error
    return error.message


def pulled() -> list[tuple[str, str, str]]:
    with transaction() as session:
        return [(row.scope, row.target, row.reason) for row in halts.in_force(session)]


def meanings() -> list[str]:
    with transaction() as session:
        return [row.meaning for row in halts.in_force(session)]


def test_everything_is_halted_and_released_by_typing(folder: Path) -> None:
    assert "Halted: everything" in types("halt", "--reason", "odd fills").output
    assert pulled() == [("all", "", "odd fills")]
    assert not (folder / "HALT").exists()
    assert "halted already" in types("halt").output
    assert "type 'release everything'" in refusal("release", answer="yes\n")
    assert pulled() == [("all", "", "odd fills")]
    assert "Released: everything" in types("release", answer="release everything\n").output
    assert pulled() == []
    assert "Nothing is halted" in refusal("release", "--confirm", "release everything")


def test_an_account_or_a_strategy_is_halted_by_its_name(account: str) -> None:
    with transaction() as session:
        prompts.add_defaults(session, SystemClock())
        service.create(session, SystemClock(), document=definition(), author="ann")
    types("halt", "--account", account)
    assert "strategy 'Always long'" in types("halt", "--strategy", "Always long").output
    assert [each[:2] for each in pulled()] == [("account", account), ("strategy", "1")]
    assert "Did you mean" in refusal("halt", "--account", "DU1234568")
    assert "Did you mean" in refusal("halt", "--strategy", "Always lang")
    assert "not both" in refusal("halt", "--strategy", "1", "--account", account)
    types("release", "--strategy", "1", "--confirm", "release strategy 1")
    assert [each[0] for each in pulled()] == ["account"]


def test_what_a_halt_means_is_said_and_flattening_is_asked_about_first() -> None:
    assert "would open or add to a position is cancelled" in types("halt", "--cancel").output
    unsure = types("halt", "--flatten", answer="n\n")
    assert unsure.exit_code == 1
    assert meanings() == ["cancel"]
    sure = types("halt", "--flatten", answer="y\n")
    assert "every position is closed" in sure.output
    assert "The tracker carries it out" in sure.output
    assert meanings() == ["flatten"]
    assert "halted already (flatten)" in types("halt", "--cancel").output


def test_waiting_shows_how_far_it_is_and_ends_with_the_proof(
    account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Work] = [Work(), Work(left=("AAPL is being closed.",))]

    def next_look(_seconds: float) -> None:
        """As the tracker would write it meanwhile."""
        with transaction() as session:
            halt_id = halts.in_force(session)[0].id
            halt_progress.keep(session, halt_id, account, FRIDAY, looks.pop())

    monkeypatch.setattr("backend.cli.halt.time.sleep", next_look)
    done = types("halt", "--flatten", "--yes", "--wait")
    assert done.exit_code == 0, done.output
    assert "left: AAPL is being closed." in done.output
    assert "Verified at the broker: nothing is left." in done.output


def test_waiting_ends_where_a_person_is_needed(
    account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trouble(_seconds: float) -> None:
        with transaction() as session:
            halt_id = halts.in_force(session)[0].id
            halt_progress.keep(session, halt_id, account, FRIDAY, Work(trouble=("Look.",)))

    monkeypatch.setattr("backend.cli.halt.time.sleep", trouble)
    done = types("halt", "--cancel", "--wait")
    assert done.exit_code == 1
    assert "needs you: Look." in done.output


@pytest.mark.parametrize(
    ("option", "word", "said"),
    [("--cancel", "cancel", "with or without the database"), ("--flatten", "flatten", "own app")],
)
def test_the_file_holds_what_it_means_and_the_answer_says_what_works_then(
    folder: Path, connect: Callable[[str], None], option: str, word: str, said: str
) -> None:
    connect(AWAY)
    done = types("halt", option, "--yes", "--reason", "odd fills")
    assert done.exit_code == 0, done.output
    assert said in " ".join(done.output.split())
    assert (folder / "HALT").read_text() == f"{word} odd fills\n"


@pytest.mark.parametrize("url", [AWAY, ""])
def test_without_the_database_the_file_halts_and_is_taken_away_again(
    folder: Path, connect: Callable[[str], None], url: str
) -> None:
    connect(url)
    done = types("halt", "--reason", "odd fills")
    assert done.exit_code == 0, done.output
    assert "by the file" in done.output
    assert (folder / "HALT").read_text() == "stop odd fills\n"
    assert "only everything can be halted" in refusal("halt", "--account", "DU1")
    assert "type 'release everything'" in refusal("release", answer="go\n")
    assert (folder / "HALT").exists()
    done = types("release", answer="release everything\n")
    assert done.exit_code == 0, done.output
    assert "The database was not asked" in done.output
    assert not (folder / "HALT").exists()


def test_the_file_can_be_asked_for_and_one_release_takes_both_away(folder: Path) -> None:
    types("halt", "--file")
    types("halt")
    assert (folder / "HALT").exists()
    assert len(pulled()) == 1
    done = types("release", "--confirm", "release everything")
    assert done.exit_code == 0, done.output
    assert not (folder / "HALT").exists()
    assert pulled() == []


def test_what_cannot_be_removed_is_said(folder: Path) -> None:
    (folder / "HALT").mkdir()
    assert "Remove it by hand" in refusal("release", "--confirm", "release everything")


def test_limits_are_set_shown_and_cleared(account: str) -> None:
    assert "No limit is set" in types("limits").output
    done = types("limits", "set", "max_order_value=10000", "allowed_symbols=aapl, msft")
    assert "max_order_value of everything: none became 10,000." in done.output
    types("limits", "set", "max_drawdown=0.2", "forbid_short=yes", "--account", account)
    types("limits", "set", "max_orders_per_day=5")
    shown = types("limits").output
    for words in ("AAPL, MSFT", "10,000", "20 %", account, "yes"):
        assert words in shown
    done = types("limits", "clear", "allowed_symbols", "max_order_value")
    assert "allowed_symbols of everything: AAPL, MSFT became none." in done.output
    with transaction() as session:
        assert limits.read(session, "").model_dump(exclude_none=True) == {"max_orders_per_day": 5}
        of_account = limits.read(session, account).model_dump(mode="json", exclude_none=True)
    assert of_account == {"max_drawdown": "0.2", "forbid_short": True}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "max_order_valu=5"), "Did you mean 'max_order_value'"),
        (("set", "max_order_value=-5"), "greater than 0"),
        (("set", "max_orders_per_day=2.5"), "valid integer"),
        (("set", "forbid_short=perhaps"), "valid boolean"),
        (("set", "max_order_value"), "sets nothing. Write NAME=VALUE"),
        (("set", "max_order_value="), "sets nothing. Write NAME=VALUE"),
        (("clear", "max_order_valu"), "Did you mean 'max_order_value'"),
        (("set", "max_order_value=5", "--account", "DU9"), "No account 'DU9' was ever seen"),
    ],
)
def test_what_is_no_limit_is_refused_and_nothing_changes(words: tuple[str, ...], said: str) -> None:
    assert said in refusal("limits", *words)
    with transaction() as session:
        assert limits.newest(session, "") is None
