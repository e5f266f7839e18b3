"""Coverage of what is stored, a symbol's page and figure, and fetching by hand."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from starlette.testclient import TestClient

from backend.core import redis
from backend.core.database import transaction
from backend.core.errors import Conflict
from backend.core.values import Timeframe
from backend.decisions import gathering
from backend.market import coverage, fetching
from backend.market.models import Bar, BarFetch, Contract
from backend.market.service import MarketData
from backend.web.audit import AuditRow
from tests.support.live_engine import Engine, definition
from tests.support.web_client import Api, text_of

HOSTILE = "<script>alert('x')</script>"


def page(http: TestClient, path: str = "/market", status: int = 200) -> str:
    response = http.get(path)
    assert response.status_code == status, response.text
    return text_of(response)


def market(engine: Engine) -> MarketData:
    return MarketData(engine.tools.broker, engine.clock)


def store(
    engine: Engine, timeframe: Timeframe = Timeframe.DAY, count: int = 100, symbol: str = "AAPL"
) -> int:
    """Fetch bars as an execution does; returns the contract's id."""
    contract = market(engine).resolve(symbol)
    market(engine).bars(contract, timeframe, count, engine.clock.now())
    return contract.conid


def of(engine: Engine, symbol: str = "AAPL") -> coverage.StoredSeries:
    with transaction() as session:
        [found] = coverage.of_symbols(session, [symbol], engine.clock.now())
    return found


def states(series: coverage.StoredSeries) -> list[str]:
    return [cell.state for cell in series.cells]


def figure(http: TestClient, query: str = "", status: int = 200) -> Any:
    response = http.get(f"/market/AAPL/figure?{query}")
    assert response.status_code == status, response.text
    return response.json() if status == 200 else response.text


# --- coverage -------------------------------------------------------------------------------------


def test_an_empty_store_says_how_bars_come(http: TestClient) -> None:
    html = page(http)
    assert "No bars are stored yet" in html
    assert "./glassbox run" in html


def test_every_session_of_a_complete_series_is_whole_and_todays_is_open(engine: Engine) -> None:
    store(engine)
    found = of(engine)
    assert states(found) == ["whole"] * 59 + ["open"]
    assert (found.bars, found.behind, found.missing) == (107, 0, 0)
    assert found.cells[-1].start.date() == engine.clock.now().date()


def test_a_lost_day_and_an_hour_that_lacks_are_seen(engine: Engine) -> None:
    conid = store(engine, Timeframe.HOUR_1, 300)
    whole = of(engine)
    # The day under way counts the bars that have closed.
    assert states(whole)[-3:] == ["whole", "whole", "whole"]
    day, hour = whole.cells[-5], whole.cells[-3]
    with transaction() as session:
        for start, length in ((day.start, timedelta(hours=8)), (hour.start, timedelta(hours=1))):
            session.execute(
                text("DELETE FROM bars WHERE conid = :conid AND time >= :start AND time < :end"),
                {
                    "conid": conid,
                    "start": int(start.timestamp() * 1000),
                    "end": int((start + length).timestamp() * 1000),
                },
            )
    found = of(engine)
    assert states(found)[-5:] == ["none", "whole", "part", "whole", "whole"]
    assert found.missing == day.expected + 1
    assert (found.cells[-3].stored, found.cells[-3].expected) == (hour.expected - 1, hour.expected)


def test_what_was_never_stored_is_outside_and_not_missing(engine: Engine) -> None:
    store(engine, count=30)
    found = of(engine)
    assert states(found)[:20] == ["outside"] * 20
    assert found.missing == 0


def test_bars_that_closed_since_are_counted_by_the_calendar(engine: Engine) -> None:
    store(engine)
    engine.advance(days=7)
    # Friday's own and Monday to Wednesday; Thanksgiving is none, and the half day of Friday, which
    # closed at one o'clock in New York, is one.
    assert of(engine).behind == 5


def test_a_week_is_one_cell(engine: Engine) -> None:
    store(engine, Timeframe.WEEK, 80)
    found = of(engine)
    assert len(found.cells) == coverage.SHOWN
    assert states(found)[-2:] == ["whole", "open"]


def test_the_list_shows_symbols_by_name_a_page_at_a_time(
    http: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for symbol in ("AAPL", "IBM", "MSFT"):
        store(engine, symbol=symbol)
    monkeypatch.setattr(coverage, "PAGE", 2)
    html = page(http)
    assert 'href="/market/AAPL"' in html
    assert 'href="/market/MSFT"' not in html
    assert "up to date" in html
    assert "59 of 60 whole" in html
    [link] = re.findall(r'rel="next" href="([^"]+)"', html)
    assert 'href="/market/MSFT"' in page(http, link.replace("&amp;", "&"))
    assert 'href="/market/MSFT"' in page(http, "/market?query=micro")
    assert "Nothing stored matches" in page(http, "/market?query=100%25")


def test_a_symbol_that_is_typed_in_leads_to_its_page(http: TestClient) -> None:
    response = http.get("/market?symbol=brk b")
    assert (response.status_code, response.headers["location"]) == (303, "/market/BRK%20B")


# --- one symbol -----------------------------------------------------------------------------------


def test_a_symbol_shows_contract_coverage_quality_and_chart(
    http: TestClient, engine: Engine
) -> None:
    store(engine)
    html = page(http, "/market/AAPL?indicator=sma_20&add=rsi_14")
    for said in ("APPLE INC", "NASDAQ", "XNYS", "0.01", "Without any defect", "up to date"):
        assert said in html
    assert "indicators=sma_20%2Crsi_14" in html
    assert 'aria-label="Take sma_20 away"' in html
    assert "plotly.min.js" in html


def test_a_symbol_of_which_nothing_is_stored_offers_to_fetch(http: TestClient) -> None:
    html = page(http, "/market/MSFT")
    assert "No 1d bars are stored" in html
    assert "Fetch missing" in html
    assert "plotly" not in html


def test_a_page_view_fetches_no_bars(http: TestClient, engine: Engine) -> None:
    page(http, "/market/MSFT")
    figure(http, status=422)
    with transaction() as session:
        assert session.scalars(select(Bar)).first() is None


def test_an_unknown_symbol_is_met_with_the_nearest_and_with_what_the_broker_finds(
    http: TestClient,
) -> None:
    html = page(http, "/market/APPL", 404)
    assert "Did you mean &#39;AAPL&#39;" in html
    assert "Traceback" not in html
    assert 'href="/market/MSFT"' in page(http, "/market/Microsoft", 404)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("add=smaa_20", "Did you mean"),
        ("add=sma_0", "choose a number"),
        ("timeframe=1day", "Did you mean &#39;1d&#39;"),
        ("count=many", "no number of bars"),
        ("add=sma_90", "need 90 bars and 65 are stored"),
        ("&".join(f"indicator=sma_{n}" for n in range(2, 11)), "at most 8"),
    ],
)
def test_a_wrong_choice_is_told_and_the_others_stay(
    http: TestClient, engine: Engine, query: str, said: str
) -> None:
    store(engine, count=60)
    html = page(http, f"/market/AAPL?indicator=ema_10&{query}", 422)
    assert said in html
    assert "ema_10" in html


def test_hostile_texts_are_shown_as_text(http: TestClient, engine: Engine) -> None:
    store(engine)
    with transaction() as session:
        session.scalars(select(Contract)).one().name = HOSTILE
    html = page(http) + page(http, "/market/AAPL") + page(http, f"/market?query={HOSTILE}")
    html += page(http, "/market/AAPL?add=%3Cscript%3Ealert(1)%3C/script%3E", 422)
    html += page(http, "/market/%3Cscript%3Ealert(1)%3C%2Fscript%3E".replace("%2F", ""), 404)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_the_figure_holds_the_bars_and_the_indicators_that_were_chosen(
    http: TestClient, engine: Engine
) -> None:
    store(engine)
    drawn = figure(http, "count=60&indicators=sma_20,rsi_14")
    names = {trace.get("name") for trace in drawn["data"]}
    assert {"Price", "Volume", "SMA 20", "RSI 14"} <= names
    prices = next(trace for trace in drawn["data"] if trace["name"] == "Price")
    assert len(prices["close"]) == 60
    # The average is warm from the first bar that is drawn.
    assert None not in next(t for t in drawn["data"] if t["name"] == "SMA 20")["y"]
    error = figure(http, "indicators=smaa", 422)
    assert "Did you mean" in error


def test_decisions_are_marked_at_the_last_bar_that_they_saw(
    http: TestClient, engine: Engine
) -> None:
    engine.run(definition(name=HOSTILE[:90]))
    gathering.gather(engine.tools.storage)
    drawn = figure(http)
    [mark] = [trace for trace in drawn["data"] if trace["name"] == "Decided to buy"]
    assert mark["x"] == [drawn["layout"]["xaxis"]["categoryarray"][-1]]
    assert mark["customdata"] == ["/executions/1"]
    assert "<script>" not in mark["text"][0]
    html = page(http, "/market/AAPL")
    assert 'href="/executions/1"' in html
    assert 'href="/decisions?symbol=AAPL"' in html


# --- fetching -------------------------------------------------------------------------------------


def ask(http: TestClient, status: int = 303, **form: str) -> Any:
    data = {"timeframe": "1d", "count": "100"} | form
    response = http.post("/market/AAPL/fetch", data=data)
    assert response.status_code == status, response.text
    return response


def fetches() -> list[BarFetch]:
    with transaction() as session:
        return list(session.scalars(select(BarFetch).order_by(BarFetch.id)))


def test_a_fetch_is_asked_for_run_by_a_worker_and_told_about(
    http: TestClient, engine: Engine
) -> None:
    assert ask(http).headers["location"] == "/market/AAPL?timeframe=1d"
    assert redis.client().llen("celery") == 1
    html = page(http, "/market/AAPL")
    assert "bars are being fetched" in html
    assert 'http-equiv="refresh"' in html
    fetching.run(fetches()[0].id, market(engine), engine.clock)
    html = page(http, "/market/AAPL")
    assert re.search(r"Last fetch: 1\d\d bars from the broker", html)
    assert 'http-equiv="refresh"' not in html
    with transaction() as session:
        [row] = session.scalars(select(AuditRow).where(AuditRow.action == "bars.fetch_asked"))
    assert row.subject == "AAPL 1d"


def test_one_fetch_of_a_series_at_a_time_and_a_lost_one_gives_way(
    http: TestClient, engine: Engine
) -> None:
    ask(http)
    assert "already" in ask(http, 409).text
    ask(http, timeframe="1h")
    engine.advance(minutes=16)
    ask(http)
    first, _hours, again = fetches()
    assert "fell silent" in (first.problem or "")
    assert again.finished_at is None


def test_a_fetch_runs_once(http: TestClient, engine: Engine) -> None:
    ask(http)
    for _ in range(2):
        fetching.run(fetches()[0].id, market(engine), engine.clock)
        first = fetches()[0].finished_at
        engine.advance(minutes=1)
    assert fetches()[0].finished_at == first
    fetching.run(4711, market(engine), engine.clock)


def test_a_fetch_anew_replaces_what_is_stored(http: TestClient, engine: Engine) -> None:
    conid = store(engine)
    with transaction() as session:
        session.execute(text("UPDATE bars SET close = close * 2, high = high * 2"))
        wrong = session.scalars(select(Bar.close).where(Bar.conid == conid)).all()
    ask(http, anew="true", count="100")
    fetching.run(fetches()[0].id, market(engine), engine.clock)
    with transaction() as session:
        right = session.scalars(select(Bar.close).where(Bar.conid == conid)).all()
    assert len(right) == len(wrong)
    assert max(right) < max(wrong)
    assert "anew" in page(http, "/market/AAPL")


def test_a_broker_that_says_no_is_told_and_what_is_stored_stays(
    http: TestClient, engine: Engine
) -> None:
    store(engine)
    ask(http, anew="true")
    engine.gateway.control.session("logged_out")
    fetching.run(fetches()[0].id, market(engine), engine.clock)
    html = page(http, "/market/AAPL")
    assert "The last fetch brought nothing." in html
    assert "log in" in html.lower()
    with transaction() as session:
        assert session.scalars(select(Bar)).first() is not None


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"timeframe": "2d"}, "timeframe:"),
        ({"count": "29"}, "from 30 to 5,000"),
        ({"count": "5001"}, "from 30 to 5,000"),
        ({"count": "x"}, "no number of bars"),
    ],
)
def test_a_wrong_fetch_is_refused_and_nothing_is_asked(
    http: TestClient, form: dict[str, str], said: str
) -> None:
    assert said in ask(http, 422, **form).text
    assert fetches() == []


def test_a_fetch_without_the_pages_token_is_refused(http: TestClient) -> None:
    response = http.post(
        "/market/AAPL/fetch", data={"timeframe": "1d"}, headers={"X-CSRF-Token": "x"}
    )
    assert response.status_code == 403
    assert fetches() == []


def test_two_who_ask_at_once_get_one_fetch(engine: Engine) -> None:
    contract = market(engine).resolve("AAPL")
    made = 0
    for _ in range(2):
        try:
            with transaction() as session:
                fetching.ask(
                    session,
                    engine.clock,
                    contract,
                    Timeframe.DAY,
                    count=100,
                    is_anew=False,
                    actor="test",
                )
            made += 1
        except Conflict:
            pass
    assert made == 1


def test_the_api_asks_for_a_fetch_and_tells_how_far_it_is(api: Api, engine: Engine) -> None:
    order = {"symbol": "AAPL", "timeframe": "1d", "count": 100}
    asked = api.ask("POST", "/bars/fetches", expect=202, json=order)
    assert (asked["finished_at"], asked["requested_by"]) == (None, "key:everything")
    fetching.run(asked["id"], market(engine), engine.clock)
    assert api.get(f"/bars/fetches/{asked['id']}")["bars"] >= 100
    api.refused("GET", "/bars/fetches/4711", 404)
    api.refused("POST", "/bars/fetches", 422, json={**order, "count": 1})
    assert (
        "Did you mean"
        in api.refused("POST", "/bars/fetches", 422, json={**order, "symbol": "APPL"})["message"]
    )
