"""Persons leave, and channels are tested, from the terminal."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from backend.cli import app
from backend.core.clock import SystemClock
from backend.core.database import transaction
from backend.core.errors import AppError, NotFound
from backend.notifications import channels
from backend.web import audit, keys, links, people, sessions
from backend.web.keys import ApiKey, Scope, UnknownKey
from tests.support.news_servers import Webhook, webhook

CLOCK = SystemClock()


def types(*words: str, answers: str = "") -> Result:
    return CliRunner().invoke(app, words, input=answers)


def refusal(result: Result) -> AppError:
    assert isinstance(result.exception, AppError)
    return result.exception


def new_key(name: str, author: str) -> str:
    with transaction() as session:
        return keys.create(session, CLOCK, name=name, scopes=["read"], author=author)


def opens(key: str) -> bool:
    try:
        with transaction() as session:
            keys.check(session, CLOCK, key, Scope.READ)
    except UnknownKey:
        return False
    return True


def test_whoever_is_removed_gets_in_by_nothing_and_the_others_stay(db: str) -> None:
    with transaction() as session:
        ann, bob = people.add(session, CLOCK, "ann"), people.add(session, CLOCK, "bob")
        row, token = sessions.begin(session, CLOCK, ann, address="", agent="")
        sessions.begin(session, CLOCK, bob, address="", agent="")
        link = links.make(session, CLOCK, ann)
        goes_on = sessions.watch(CLOCK, row)
    hers, his = new_key("laptop", "person:ann"), new_key("phone", "person:bob")
    said = types("person", "remove", "ann", answers="y\n").stdout
    assert "ann is removed. Sessions ended: 1. Keys revoked: laptop." in said
    assert (opens(hers), opens(his)) == (False, True)
    with transaction() as session:
        assert sessions.find(session, CLOCK, token) is None
        assert not goes_on(session)
        assert links.use(session, CLOCK, link) is None
        assert people.find(session, "ann") is None
        assert len(sessions.alive(session, CLOCK, people.get(session, "bob"))) == 1
        rows = audit.find(session, audit.Filters(actor="cli"))
        assert [row.action for row in rows] == ["person.removed", "key.revoked"]
        made = audit.find(session, audit.Filters(actor="person:ann"))
        assert [row.action for row in made] == ["key.created"]
        assert session.scalars(select(ApiKey)).all()[0].revoked_at is not None


def test_nobody_is_removed_by_mistake(db: str) -> None:
    with transaction() as session:
        people.add(session, CLOCK, "ann")
    error = refusal(types("person", "remove", "anne", "--yes"))
    assert isinstance(error, NotFound)
    assert "Did you mean 'ann'?" in error.message
    assert types("person", "remove", "ann", answers="n\n").exit_code == 1
    assert "ann" in types("person", "list").stdout
    assert types("person", "remove", "ann", "--yes").exit_code == 0
    assert "Nobody yet" in types("person", "list").stdout


@pytest.fixture
def hook(db: str, set_env: Callable[..., None]) -> Iterator[Webhook]:
    set_env(NOTIFY_PRIVATE_ADDRESSES="true")
    with webhook() as server:
        yield server


def test_a_channel_is_tested_from_the_terminal(hook: Webhook) -> None:
    assert "No channel yet" in refusal(types("notify", "test")).message
    with transaction() as session:
        channels.create(
            session, CLOCK, name="ours", address=hook.address, events=["fill"], actor="person:ann"
        )
    assert types("notify", "test").stdout.endswith("ours: sent\n")
    hook.answers = [500]
    failed = types("notify", "test", "--channel", "ours")
    assert failed.exit_code == 1
    assert "error=500" in failed.stdout
    assert "hook-with-a-secret" not in failed.stdout + types("notify", "list").stdout
    assert "Did you mean 'ours'?" in refusal(types("notify", "test", "--channel", "our")).message
