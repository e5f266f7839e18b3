"""What the editor shows on data of now, on the paper gateway; made by the steps, kept nowhere."""

import base64
import html
import re
from typing import Any

import orjson
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from backend.app import create_app
from backend.core.database import transaction
from backend.core.errors import OutsideError
from backend.executions.models import AiReservation, ArtifactRow, Execution
from backend.strategies import form, preview, prompts
from backend.strategies.definition import StrategyDefinition
from tests.support.live_engine import Engine, example, read
from tests.support.web_client import browser, sign_in, text_of

PNG = b"\x89PNG\r\n\x1a\n"


class Draws:
    """In place of a Chromium: a picture that says which figure it was drawn of."""

    def png(self, figure: bytes, **_: int) -> bytes:
        return PNG + figure[:50].ljust(100, b".")


class Broken:
    def png(self, figure: bytes, **_: int) -> bytes:
        raise OutsideError("There is no Chromium.", code="renderer_down")


def fields(document: dict[str, Any] | None = None, **changes: str) -> dict[str, str]:
    sent = form.to_fields(StrategyDefinition.checked(document or example()))
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return {"view": "form", **sent, **named}


def asked(http: TestClient, what: str, status: int = 200, **changes: str) -> str:
    response = http.post(f"/strategies/preview/{what}", data=fields(None, **changes))
    assert response.status_code == status, response.text
    return html.unescape(text_of(response))


def drawing(engine: Engine, renderer: Any) -> Engine:
    return engine.with_tools(renderer=renderer)


def test_the_chart_is_the_very_figure_that_the_execution_records(engine: Engine) -> None:
    drawn = drawing(engine, Draws())
    strategy = drawn.save(example())
    shown = preview.charts(StrategyDefinition.checked(example()), "AAPL", drawn.tools)
    execution_id = drawn.start(strategy)[0]
    drawn.executor.run(execution_id)
    _, records = read(execution_id)
    rendered = next(each for each in records if each.step == "render_charts").output or {}
    storage = drawn.tools.storage
    for chart in shown.charts:
        kept = rendered["charts"][chart.timeframe]
        assert storage.get(kept["figure"]["sha256"]) == chart.figure
        assert storage.get(kept["png"]["sha256"]) == chart.png


def test_a_preview_keeps_nothing_and_asks_nobody(engine: Engine) -> None:
    engine.save(example())
    definition_of_it = StrategyDefinition.checked(example())
    tools = drawing(engine, Draws()).tools
    preview.charts(definition_of_it, "AAPL", tools)
    with transaction() as session:
        texts = prompts.texts(session, definition_of_it.model_dump(mode="json"))
    preview.prompts(definition_of_it, "AAPL", texts, tools)
    assert tools.notes.artifacts == []
    with transaction() as session:
        for table in (Execution, ArtifactRow, AiReservation):
            assert session.scalars(select(table)).all() == []


def test_the_prompt_is_the_very_one_that_is_sent(engine: Engine) -> None:
    strategy = engine.save(example())
    checked = StrategyDefinition.checked(example())
    with transaction() as session:
        texts = prompts.texts(session, checked.model_dump(mode="json"))
    shown = preview.prompts(checked, "AAPL", texts, engine.tools)
    execution_id = engine.start(strategy)[0]
    engine.executor.run(execution_id)
    _, records = read(execution_id)
    analysed = next(each for each in records if each.step == "analyze_charts").output or {}
    sent = [
        orjson.loads(engine.tools.storage.get(each["text"]["sha256"]))
        for each in analysed["conversations"]
    ]
    assert [each["prompt"] for each in sent] == [each.prompt for each in shown.questions]
    assert sent[0]["system"] == shown.questions[0].system


def test_the_page_shows_picture_figure_and_their_moment(engine: Engine) -> None:
    app = create_app(lambda: drawing(engine, Draws()).tools)
    with transaction() as session:
        prompts.add_defaults(session, engine.clock)
    with browser(app) as client:
        signed_in = sign_in(engine.clock)
        client.cookies.set(*signed_in.cookie)
        client.headers["X-CSRF-Token"] = signed_in.csrf_token
        page = text_of(client.post("/strategies/preview/charts", data=fields()))
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert [base64.b64decode(each)[:8] for each in pictures] == [PNG, PNG]
    figures = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert [orjson.loads(each)["data"][-1]["type"] for each in figures] == ["candlestick"] * 2
    assert "simulated" in page


@pytest.mark.parametrize(("renderer", "said"), [(None, "CHARTS_PNG"), (Broken(), "no Chromium")])
def test_without_a_picture_it_is_said_why(engine: Engine, renderer: Any, said: str) -> None:
    tools = drawing(engine, renderer).tools
    shown = preview.charts(StrategyDefinition.checked(example()), "AAPL", tools)
    assert [each.png for each in shown.charts] == [None, None]
    assert said in shown.charts[0].why_no_png


def test_a_chart_can_be_looked_at_while_rules_and_schedule_are_wrong(http: TestClient) -> None:
    page = asked(http, "charts", signal__long_when="clos >", schedule__when="?", name="")
    assert "as of 2026-11-20" in page


def test_the_prompt_comes_with_the_most_that_it_may_cost(http: TestClient) -> None:
    page = asked(http, "prompt")
    assert "No model is set, so nothing would be sent" in page
    assert re.search(r"At most <strong>[\d,]+</strong> tokens in", page)
    assert re.search(r"<strong>\$0\.\d{4}</strong> at most for one symbol", page)
    assert "Bar length: 1d" in page
    assert "no price" not in page


def test_a_model_without_a_price_is_told(http: TestClient) -> None:
    assert "OPENAI_PRICES" in asked(http, "prompt", analysis__model="gpt-unknown")


def test_the_rules_are_shown_with_counts_marks_and_what_they_leave_out(http: TestClient) -> None:
    page = asked(http, "rules")
    assert re.search(r"The rules held at \d+ of \d+ bars", page)
    assert "What the model would have said is not simulated" in page
    assert '"mode":"markers"' in page


REFUSED = [
    ("charts", {"charts__0__indicators": "smaa_20"}, 422, "Did you mean 'sma'"),
    ("charts", {"symbols": ""}, 422, "Choose a symbol first"),
    ("charts", {"symbols": "APPL"}, 422, "Did you mean 'AAPL'"),
    ("prompt", {"signal__source": "rules"}, 422, "no prompt is sent"),
    ("prompt", {"signal__long_when": "close >"}, 422, "Column 8"),
    ("rules", {"signal__source": "view", "signal__long_when": ""}, 422, "no rule to check"),
]


@pytest.mark.parametrize(("what", "changes", "status", "said"), REFUSED)
def test_what_cannot_be_shown_says_why(
    http: TestClient, what: str, changes: dict[str, str], status: int, said: str
) -> None:
    page = asked(http, what, status, **changes)
    assert said in page
    assert 'role="alert"' in page


@pytest.mark.parametrize("what", ["charts", "prompt", "rules"])
def test_a_gateway_that_is_logged_out_says_what_to_do(
    http: TestClient, engine: Engine, what: str
) -> None:
    engine.gateway.control.session("logged_out")
    page = asked(http, what, 503)
    assert "log in" in page.lower()
    assert "nothing you wrote is lost" in page


def test_the_connection_says_gateway_accounts_and_analyst(http: TestClient, engine: Engine) -> None:
    page = text_of(http.get("/strategies/connection"))
    for said in ("ready", "simulated", "paper", "rule-based", "OPENAI_API_KEY"):
        assert said in page
    engine.gateway.control.session("logged_out")
    page = text_of(http.get("/strategies/connection"))
    assert "The gateway is not ready." in page


def test_symbols_are_found_by_name_and_told_in_full(http: TestClient) -> None:
    found = text_of(http.get("/strategies/symbols?query=apple"))
    assert 'data-symbol="AAPL"' in found
    assert "Nothing fits" in text_of(http.get("/strategies/symbols?query=qqqqqq"))
    contract = text_of(http.get("/strategies/contract?symbol=aapl"))
    for said in ("NASDAQ", "USD", "conid 265598", "tick 0.01", "lot 1", "09:30 to 16:00 EST"):
        assert said in contract
    response = http.get("/strategies/contract?symbol=APPL")
    assert response.status_code == 422
    assert "Did you mean &#39;AAPL&#39;" in response.text


def test_hostile_symbols_are_words(http: TestClient) -> None:
    hostile = "<script>alert(1)</script>"
    for path in ("contract?symbol=", "symbols?query="):
        assert hostile not in http.get(f"/strategies/{path}{hostile}").text


def test_one_of_several_symbols_can_be_chosen(http: TestClient) -> None:
    page = asked(http, "charts", symbols="AAPL, MSFT", preview_symbol="MSFT")
    assert "MSFT, as of" in page
