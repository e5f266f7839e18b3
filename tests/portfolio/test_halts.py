"""The kill switch: pulled by anyone at once, released by a person who types what for."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from backend.core.clock import ManualClock
from backend.core.database import transaction
from backend.core.errors import Conflict, InvalidInput, NotFound
from backend.portfolio import halts
from backend.portfolio.models import HaltRow
from backend.portfolio.safeguards import DatabaseSafeguards
from backend.web.audit import AuditRow
from tests.support.live_engine import FRIDAY

CLOCK = ManualClock(FRIDAY)


def pull(**halt: Any) -> HaltRow:
    with transaction() as session:
        usual = {"scope": "all", "reason": "odd fills", "actor": "person:ann"}
        return halts.pull(session, CLOCK, **usual | halt)


def release(typed: str, **halt: Any) -> HaltRow:
    with transaction() as session:
        usual = {"scope": "all", "actor": "person:bob"}
        return halts.release(session, CLOCK, typed=typed, **usual | halt)


def sentences() -> list[str]:
    return [halt.sentence for halt in DatabaseSafeguards().halts()]


@pytest.fixture(autouse=True)
def folder(db: str, tmp_path: Path, set_env: Callable[..., None]) -> Path:
    set_env(GLASSBOX_HOME=str(tmp_path))
    return tmp_path


def test_what_is_halted_says_since_when_by_whom_and_why_the_widest_first() -> None:
    pull(scope="strategy", target="3")
    pull(scope="account", target="DU1", reason="")
    pull()
    since = "since 2026-11-20 20:30 UTC by person:ann"
    assert sentences() == [
        f"All trading is halted {since}: odd fills.",
        f"Account DU1 is halted {since}.",
        f"Strategy 3 is halted {since}: odd fills.",
    ]


def test_a_switch_stops_what_it_is_for_and_nothing_else() -> None:
    pull(scope="strategy", target="3")
    pull(scope="account", target="DU1")
    account, strategy = DatabaseSafeguards().halts()
    assert [account.stops(3, "DU1"), account.stops(3, "DU2"), account.stops(3, None)] == [
        True,
        False,
        False,
    ]
    assert [strategy.stops(3, "DU2"), strategy.stops(3, None), strategy.stops(33, "DU1")] == [
        True,
        True,
        False,
    ]


def test_it_is_pulled_once_however_many_pull() -> None:
    def try_to(_: int) -> bool:
        try:
            pull()
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(try_to, range(8))) == 1
    with pytest.raises(Conflict, match="All trading is halted already"):
        pull()
    with transaction() as session:
        assert len(session.scalars(select(AuditRow)).all()) == 1


def test_release_needs_the_right_words_and_is_audited() -> None:
    pull()
    for wrong in ("", "release", "yes", "release account DU1"):
        with pytest.raises(InvalidInput, match="type 'release everything'") as raised:
            release(wrong)
        assert raised.value.field == "confirmation"
    assert len(sentences()) == 1
    row = release(" Release Everything ")
    assert (row.released_by, row.released_at) == ("person:bob", FRIDAY)
    assert sentences() == []
    with transaction() as session:
        pulled, released = session.scalars(select(AuditRow).order_by(AuditRow.id))
    assert (pulled.action, pulled.actor, pulled.subject, pulled.after) == (
        "halt.pulled",
        "person:ann",
        "everything",
        {"reason": "odd fills", "meaning": "stop"},
    )
    assert (released.action, released.actor) == ("halt.released", "person:bob")
    assert released.before is not None
    assert released.before["reason"] == "odd fills"


def test_what_was_released_can_be_pulled_again_and_what_is_not_halted_cannot_be_released() -> None:
    with pytest.raises(NotFound, match="Nothing is halted for account DU1"):
        release("release account DU1", scope="account", target="DU1")
    for _ in range(2):
        pull(scope="account", target="DU1")
        release("release account DU1", scope="account", target="DU1")
    with transaction() as session:
        assert len(session.scalars(select(HaltRow)).all()) == 2


def test_a_switch_can_be_made_to_mean_more_and_never_less() -> None:
    pull(meaning="cancel")
    for weaker in ("stop", "cancel"):
        with pytest.raises(Conflict, match=r"halted already \(cancel\)"):
            pull(meaning=weaker)
    pull(meaning="flatten", reason="", actor="person:bob")
    [halt] = DatabaseSafeguards().halts()
    assert (halt.meaning, halt.reason, halt.by) == ("flatten", "odd fills", "person:ann")
    assert halt.sentence.endswith("Every order is cancelled and every position closed.")
    with transaction() as session:
        _, row = session.scalars(select(AuditRow).order_by(AuditRow.id))
    assert (row.action, row.actor) == ("halt.strengthened", "person:bob")
    assert row.before is not None
    assert (row.before["meaning"], (row.after or {})["meaning"]) == ("cancel", "flatten")


@pytest.mark.parametrize(
    ("text", "meaning", "reason"),
    [
        ("", "stop", ""),
        ("going on holiday", "stop", "going on holiday"),
        ("stop", "stop", ""),
        ("cancel", "cancel", ""),
        ("Flatten: all is wrong", "flatten", "all is wrong"),
        ("FLATTEN\nall\nis wrong", "flatten", "all\nis wrong"),
        ("flattened tyre", "stop", "flattened tyre"),
    ],
)
def test_the_files_first_word_may_be_what_it_means(text: str, meaning: str, reason: str) -> None:
    halts.file().write_text(text)
    [halt] = DatabaseSafeguards().halts()
    assert (halt.meaning, halt.reason) == (meaning, reason)


def adopt() -> HaltRow | None:
    with transaction() as session:
        return halts.adopt_file(session, CLOCK, halts.file())


def test_a_file_that_means_more_than_stop_becomes_a_switch_once() -> None:
    assert adopt() is None
    halts.write_file(halts.file(), "holiday")
    assert adopt() is None
    halts.write_file(halts.file(), "odd fills", "flatten")
    row = adopt()
    assert row is not None
    assert (row.scope, row.meaning, row.reason) == ("all", "flatten", "odd fills")
    assert adopt() is None
    # Released while the file still lies there: what it meant was done, and is not done again.
    release("release everything")
    assert adopt() is None
    os.utime(halts.file(), (1, 1))
    assert adopt() is not None


def test_a_file_beside_a_switch_that_means_as_much_adds_nothing_even_after_its_release() -> None:
    pull(meaning="flatten")
    halts.write_file(halts.file(), "", "cancel")
    assert adopt() is None
    release("release everything")
    assert adopt() is None


def test_a_reason_has_an_end() -> None:
    with pytest.raises(InvalidInput, match="at most 500 characters"):
        pull(reason="x" * 501)
    assert sentences() == []


def test_the_file_halts_everything_with_what_it_says(folder: Path) -> None:
    halts.write_file(halts.file(), "going on holiday")
    [halt] = DatabaseSafeguards().halts()
    assert halt.scope == "all"
    assert halt.reason == "going on holiday"
    assert halt.by == f"the file {folder / 'HALT'}"
    assert halt.since is not None
    halts.file().unlink()
    assert sentences() == []


@pytest.mark.parametrize("kind", ["empty", "folder", "broken link", "not text"])
def test_whatever_has_the_files_name_halts(folder: Path, kind: str) -> None:
    path = halts.file()
    if kind == "folder":
        path.mkdir()
    elif kind == "broken link":
        path.symlink_to(folder / "nowhere")
    else:
        path.write_bytes(b"" if kind == "empty" else b"\xff\xfe\0")
    assert len(sentences()) == 1


def test_a_file_that_cannot_be_looked_at_halts(folder: Path) -> None:
    # A file where the folder should be: not "no such file", so nothing says that all is well.
    (folder / "home").write_text("")
    halt = halts.by_file(folder / "home" / "HALT")
    assert halt is not None
    assert "cannot be seen" in halt.sentence


def test_the_file_is_looked_at_without_the_database(set_env: Callable[..., None]) -> None:
    halts.write_file(halts.file(), "")
    before = os.environ["DATABASE_URL"]
    set_env(DATABASE_URL="postgresql+psycopg2://nobody@127.0.0.1:1/none")
    assert before
    assert len(DatabaseSafeguards().halts()) == 1
