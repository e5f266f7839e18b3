"""The pages, in every state that an execution can be in, and with hostile content."""

import re

import pytest
from starlette.testclient import TestClient

from tests.support.live_engine import Engine
from tests.support.web_client import text_of

HOSTILE = "<script>alert('x')</script>"


def page(http: TestClient, path: str, status: int = 200) -> str:
    response = http.get(path)
    assert response.status_code == status, response.text
    return text_of(response)


def test_a_hostile_search_is_shown_as_text(http: TestClient) -> None:
    html = page(http, "/executions?symbol=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in html
    assert "No executions match" in html


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/executions/4711", 404),
        ("/executions/x", 422),
        ("/nothing/here", 404),
        ("/executions?outcome=won", 422),
        ("/executions?before=0", 422),
        (f"/artifacts/{'c' * 64}", 404),
        ("/static/../app.py", 404),
    ],
)
def test_an_error_is_a_page_with_a_sentence_and_a_way_back(
    http: TestClient, path: str, status: int
) -> None:
    html = page(http, path, status)
    assert f">{status}</p>" in html
    assert "To the overview" in html
    assert "Traceback" not in html


def test_what_pages_need_comes_from_this_server_alone(http: TestClient, engine: Engine) -> None:
    execution, _ = engine.run()
    html = page(http, f"/executions/{execution.id}")
    sources = re.findall(r'(?:src|data-figure)="([^"]+)"|<link[^>]* href="([^"]+)"', html)
    assert sources
    for source in map("".join, sources):
        assert source.startswith("/"), source
        response = http.get(source)
        assert response.status_code in (200, 307), source


def test_pages_have_no_inline_script_that_the_policy_would_block(
    http: TestClient, engine: Engine
) -> None:
    execution, _ = engine.run()
    for path in ("/executions", f"/executions/{execution.id}"):
        html = page(http, path)
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))
        assert not re.search(r"\son\w+=", html.partition("<main>")[0])
