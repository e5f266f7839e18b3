"""Who may come in, from the terminal: links, passwords, keys."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from backend.cli import app
from backend.core.clock import SystemClock
from backend.core.database import transaction
from backend.core.errors import AppError, Conflict, InvalidInput, NotFound
from backend.web import audit, links, people, sessions

PASSWORD = "correct horse battery"


def types(*words: str, answers: str = "") -> Result:
    return CliRunner().invoke(app, words, input=answers)


def refusal(result: Result) -> AppError:
    assert isinstance(result.exception, AppError)
    return result.exception


def owner_of(address: str) -> str | None:
    token = parse_qs(urlsplit(address.strip()).query)["token"][0]
    with transaction() as session:
        person = links.use(session, SystemClock(), token)
        return None if person is None else person.name


def actions() -> list[str]:
    with transaction() as session:
        rows = audit.find(session, audit.Filters(actor="cli"))
        return [row.action for row in reversed(rows)]


def test_a_link_signs_in_the_owner_of_the_machine(db: str, set_env: Callable[..., None]) -> None:
    set_env(WEB_PORT="8123")
    said = types("link").stdout
    assert said.startswith("http://127.0.0.1:8123/sign-in?token=")
    assert owner_of(said) == people.owner_name()
    assert owner_of(said) is None
    assert actions() == ["person.link_made"]


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("::1", "[::1]")])
def test_a_link_leads_to_an_address_that_a_browser_can_open(
    db: str, set_env: Callable[..., None], host: str, shown: str
) -> None:
    set_env(WEB_HOST=host, WEB_PORT="8123")
    assert types("link").stdout.startswith(f"http://{shown}:8123/")


def test_another_person_has_to_be_made_on_purpose(db: str) -> None:
    assert isinstance(refusal(types("link", "ann")), NotFound)
    assert owner_of(types("link", "ann", "--new").stdout) == "ann"
    assert owner_of(types("link", "ann").stdout) == "ann"
    assert "Did you mean 'ann'?" in refusal(types("link", "anne")).message
    assert isinstance(refusal(types("link", "ann", "--new")), Conflict)
    assert isinstance(refusal(types("link", " ", "--new")), InvalidInput)
    assert isinstance(refusal(types("link", "a\nb", "--new")), InvalidInput)


def test_a_password_is_asked_for_twice_and_ends_the_sessions(db: str) -> None:
    types("link", "ann", "--new")
    with transaction() as session:
        person = people.get(session, "ann")
        sessions.begin(session, SystemClock(), person, address="", agent="")
    result = types("password", "ann", answers=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0
    assert "Sessions ended: 1." in result.stdout
    assert PASSWORD not in result.stdout
    with transaction() as session:
        assert people.with_password(session, "ann", PASSWORD) is not None


def test_a_password_of_nobody_or_too_short_is_refused(db: str) -> None:
    assert isinstance(refusal(types("password", "ann")), NotFound)
    types("link", "ann", "--new")
    assert "this one has 5" in refusal(types("password", "ann", answers="short\nshort\n")).message
    assert types("password", "ann", answers="one\ntwo\n").exit_code != 0
    assert actions() == ["person.link_made"]


def test_keys_are_made_shown_and_revoked(db: str) -> None:
    assert "No keys yet." in types("api-key", "list").stdout
    key = types("api-key", "create", "laptop", "--scope", "read").stdout.strip()
    assert re.fullmatch(r"gbx_[\w-]{43}", key)
    listed = types("api-key", "list").stdout
    assert "laptop" in listed
    assert "never" in listed
    assert key not in listed
    assert "opens nothing any more" in types("api-key", "revoke", "1").stdout
    assert "revoked" in types("api-key", "list").stdout
    assert isinstance(refusal(types("api-key", "revoke", "2")), NotFound)
    assert actions() == ["key.created", "key.revoked"]
