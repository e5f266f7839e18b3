"""The audit log as a page: filters, pages, what changed."""

import re

import pytest
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.web import audit
from tests.support.live_engine import Engine
from tests.support.web_client import text_of

HOSTILE = "<script>alert('x')</script>"


def page(http: TestClient, query: str = "", status: int = 200) -> str:
    response = http.get(f"/system/audit{query}")
    assert response.status_code == status, response.text
    return text_of(response)


def subjects(html: str) -> list[str]:
    rows = html.partition("<ol>")[2].partition("</ol>")[0]
    return re.findall(
        r"(?:strategy|key|execution) \w+",
        re.sub(r"<details.*?</details>", "", rows, flags=re.DOTALL),
    )


def note(engine: Engine, subject: str, **values: object) -> None:
    with transaction() as session:
        given = {"actor": "person:ada", "action": "strategy.saved"} | values
        audit.record(session, engine.clock, subject=subject, **given)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def only_what_is_noted(http: TestClient) -> None:
    """Who signs in is noted, too."""
    http.get("/system/audit")


def test_a_change_is_shown_with_before_and_after(http: TestClient, engine: Engine) -> None:
    note(engine, "strategy 3", before={"limit": 10, "name": "x"}, after={"limit": 25, "name": "x"})
    html = page(http, "?subject=strategy+3")
    assert 'href="/strategies/3"' in html
    assert "by <a" in html
    assert "<del>10</del>" in html
    assert "<ins>25</ins>" in html
    assert "2026-11-20 20:30:00 UTC" in html


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?actor=key:robot", ["key 2"]),
        ("?action=strategy.", ["strategy 1"]),
        ("?action=api_key.created", ["key 2"]),
        ("?subject=strategy+1", ["strategy 1"]),
        ("?since=2026-11-21&actor=key:robot", []),
        ("?until=2026-11-20&actor=key:robot", ["key 2"]),
        ("?actor=&action=&subject=strategy+1", ["strategy 1"]),
    ],
)
def test_filters_narrow(http: TestClient, engine: Engine, query: str, found: list[str]) -> None:
    note(engine, "strategy 1")
    note(engine, "key 2", actor="key:robot", action="api_key.created")
    assert subjects(page(http, query)) == found


def test_pages_lead_to_older_rows_and_keep_the_filters(http: TestClient, engine: Engine) -> None:
    for number in range(60):
        note(engine, f"strategy {number}")
    first = page(http, "?actor=person:ada")
    assert subjects(first)[0] == "strategy 59"
    assert len(subjects(first)) == 50
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    second = text_of(http.get(older[1].replace("&amp;", "&")))
    assert subjects(second) == [f"strategy {number}" for number in range(9, -1, -1)]
    assert 'rel="prev" href="/system/audit?actor=person%3Aada"' in second


def test_no_match_leads_back(http: TestClient) -> None:
    assert "Nothing matches" in page(http, "?actor=nobody")


@pytest.mark.parametrize("query", ["?since=soon", "?before=0", "?before=x", f"?actor={'a' * 201}"])
def test_a_filter_that_cannot_be_is_named(http: TestClient, query: str) -> None:
    assert query[1:].partition("=")[0] in page(http, query, 422)


def test_what_others_wrote_is_shown_as_text(http: TestClient, engine: Engine) -> None:
    note(engine, HOSTILE, actor=HOSTILE, action=HOSTILE, before={HOSTILE: 1}, after={HOSTILE: 2})
    html = page(http)
    assert HOSTILE not in html
    assert "&lt;script&gt;" in html
