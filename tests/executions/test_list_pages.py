"""The list of executions: tabs, filters, search, pages, kept views, and what is done with rows."""

import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select, text
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.executions.models import Execution, SavedView, Trigger
from backend.strategies import service as strategies
from backend.web.audit import AuditRow
from tests.support.live_engine import FRIDAY, Engine, definition, read
from tests.support.web_client import Api, text_of

HOSTILE = "<script>alert('x')</script>"


def page(http: TestClient, path: str = "/executions", status: int = 200) -> str:
    response = http.get(path)
    assert response.status_code == status, response.text
    return text_of(response)


def listed(html: str) -> list[int]:
    """The ids of the rows, in their order."""
    return [int(found) for found in re.findall(r'data-row="/executions/(\d+)"', html)]


def tabs(html: str) -> dict[str, str]:
    """What each tab counts."""
    nav = html.partition('aria-label="State and outcome"')[2].partition("</nav>")[0]
    found = re.findall(r"<a[^>]*>(\w+) *<span class=\"count\">([\d,+]+)</span>", nav)
    return dict(found)


def link(html: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', html)
    assert found, f"no link {rel}"
    return unescape(found[1])


def add(strategy: Any, symbol: str, **values: Any) -> int:
    """A finished execution as a row, beside those that ran."""
    with transaction() as session:
        number = session.scalar(text("SELECT count(*) FROM executions")) or 0
        moment = FRIDAY - timedelta(days=1) + timedelta(minutes=number)
        row = Execution(
            strategy_id=strategy.id,
            strategy_version_id=strategy.versions[-1].id,
            symbol=symbol,
            due_at=moment,
            prompt_versions={},
            chain_head="0",
            **{
                "requested_by": "schedule",
                "trigger": Trigger.CRON,
                "status": "finished",
                "outcome": "held",
                "reason_code": "no_signal",
                "reason": "Neither rules nor view ask for a trade.",
                "created_at": moment,
                "started_at": moment,
                "finished_at": moment + timedelta(seconds=2),
                **values,
            },
        )
        session.add(row)
        session.flush()
        return row.id


def two_kinds(engine: Engine) -> tuple[int, int, int]:
    """Held AAPL, failed MSFT, and a queued AAPL."""
    strategy = engine.save(definition(symbols=["AAPL", "MSFT"]))
    held = add(strategy, "AAPL")
    failed = add(
        strategy, "MSFT", outcome="failed", reason_code="no_data", reason="It has no bars."
    )
    return held, failed, engine.start(strategy, ["AAPL"])[0]


# --- tabs and filters ----------------------------------------------------------------------------


def test_an_empty_list_says_what_an_execution_is_and_how_to_begin(http: TestClient) -> None:
    html = page(http)
    assert "No executions yet" in html
    assert "./glassbox run STRATEGY" in html
    assert 'href="/strategies/new"' in html
    assert tabs(html)["All"] == "0"


def test_tabs_count_states_and_outcomes_and_lead_to_them(http: TestClient, engine: Engine) -> None:
    held, failed, queued = two_kinds(engine)
    html = page(http)
    assert listed(html) == [queued, failed, held]
    shown = tabs(html)
    assert (shown["All"], shown["Queued"], shown["Held"], shown["Failed"]) == ("3", "1", "1", "1")
    assert listed(page(http, "/executions?outcome=failed")) == [failed]
    assert listed(page(http, "/executions?status=queued")) == [queued]


def test_counts_stay_those_of_all_tabs_while_one_is_open(http: TestClient, engine: Engine) -> None:
    two_kinds(engine)
    shown = tabs(page(http, "/executions?outcome=failed&symbol=AAPL"))
    assert (shown["All"], shown["Held"], shown["Failed"], shown["Queued"]) == ("2", "1", "0", "1")


@pytest.mark.parametrize(
    ("query", "which"),
    [
        ("symbol=MSFT", [1]),
        ("trigger=api", [2]),
        ("reason_code=no_signal", [0]),
        ("strategy_id=1", [2, 1, 0]),
        ("strategy_id=2", []),
        ("since=2026-11-20", [2]),
        ("until=2026-11-19", [1, 0]),
        ("q=msft", [1]),
        ("q=always", [2, 1, 0]),
        ("q=no+bars", [1]),
        ("q=signal", [0]),
        ("q=1", [0]),
        ("q=nothing+like+it", []),
        ("q=%27%22%3B--", []),
        ("q=%25", []),
        ("symbol=&outcome=&q=&since=", [2, 1, 0]),
    ],
)
def test_filters_narrow(http: TestClient, engine: Engine, query: str, which: list[int]) -> None:
    made = two_kinds(engine)
    assert listed(page(http, f"/executions?{query}")) == [made[place] for place in which]


def test_replays_are_listed_where_they_are_asked_for(http: TestClient, engine: Engine) -> None:
    source = add(engine.save(), "AAPL")
    with transaction() as session:
        replay = session.get_one(Execution, source)
        values = {name: getattr(replay, name) for name in ("strategy_id", "strategy_version_id")}
        copied = Execution(
            **values,
            **{name: getattr(replay, name) for name in ("symbol", "due_at", "created_at")},
            prompt_versions={},
            chain_head="0",
            requested_by="person:ada",
            trigger=Trigger.REPLAY,
            replay_of=source,
            status="finished",
            outcome="held",
        )
        session.add(copied)
        session.flush()
        copy = copied.id
    assert listed(page(http)) == [source]
    assert tabs(page(http))["All"] == "1"
    html = page(http, "/executions?replays=shown")
    assert listed(html) == [copy, source]
    assert tabs(html)["All"] == "2"
    assert f"replay of #{source}" in html
    assert listed(page(http, "/executions?trigger=replay")) == [copy]


def test_no_match_says_so_and_leads_back(http: TestClient, engine: Engine) -> None:
    two_kinds(engine)
    html = page(http, "/executions?q=zebra&outcome=held")
    assert "No executions match" in html
    assert 'href="/executions"' in html


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("outcome=heldd", "outcome"),
        ("since=yesterday", "since"),
        ("strategy_id=AAPL", "strategy_id"),
        ("before=-1", "before"),
        (f"symbol={'A' * 65}", "symbol"),
        (f"strategy_id={2**31}", "strategy_id"),
    ],
)
def test_a_filter_that_cannot_be_is_named(http: TestClient, query: str, field: str) -> None:
    assert field in page(http, f"/executions?{query}", 422)


def test_what_others_wrote_is_shown_as_text(http: TestClient, engine: Engine) -> None:
    strategy = engine.save(definition(name=HOSTILE))
    add(strategy, "AAPL", reason=HOSTILE, reason_code="x&y")
    html = page(http, f"/executions?q={HOSTILE}")
    assert HOSTILE not in html
    assert "&lt;script&gt;" in html


# --- pages ---------------------------------------------------------------------------------------


def test_pages_lead_both_ways_and_keep_the_filters(http: TestClient, engine: Engine) -> None:
    strategy = engine.save(definition(symbols=["AAPL", "MSFT"]))
    ids = [add(strategy, "AAPL") for _ in range(120)]
    add(strategy, "MSFT")
    newest_first = ids[::-1]
    first = page(http, "/executions?symbol=AAPL")
    assert listed(first) == newest_first[:50]
    assert 'rel="prev"' not in first
    second = page(http, link(first, "next"))
    assert listed(second) == newest_first[50:100]
    third = page(http, link(second, "next"))
    assert listed(third) == newest_first[100:]
    assert 'rel="next"' not in third
    back = page(http, link(third, "prev"))
    assert listed(back) == newest_first[50:100]
    top = page(http, link(back, "prev"))
    assert listed(top) == newest_first[:50]
    assert 'rel="prev"' not in top


def test_the_end_of_the_list_leads_back(http: TestClient, engine: Engine) -> None:
    held, *_ = two_kinds(engine)
    html = page(http, f"/executions?before={held}")
    assert "No further executions" in html
    assert "Back to the newest" in html


def test_durations_are_drawn_once_there_are_two(http: TestClient, engine: Engine) -> None:
    strategy = engine.save()
    add(strategy, "AAPL")
    assert "<circle" not in page(http)
    add(strategy, "AAPL", outcome="failed")
    html = page(http)
    assert html.count("<circle") == 2
    assert "failed after 2.0 s" in html


# --- views ---------------------------------------------------------------------------------------


def save_view(http: TestClient, name: str, query: str, status: int = 303) -> Any:
    response = http.post("/executions/views", data={"name": name, "query": query})
    assert response.status_code == status, response.text
    return response


def kept_views() -> dict[str, str]:
    with transaction() as session:
        return {view.name: view.query for view in session.scalars(select(SavedView))}


def test_a_view_keeps_filters_under_a_name(http: TestClient, engine: Engine) -> None:
    response = save_view(http, "  My  failures ", "outcome=failed&symbol=MSFT&before=7")
    assert response.headers["location"] == "/executions?symbol=MSFT&outcome=failed"
    assert kept_views() == {"My failures": "symbol=MSFT&outcome=failed"}
    assert 'href="/executions?symbol=MSFT&amp;outcome=failed"' in page(http)
    save_view(http, "My failures", "outcome=blocked")
    assert kept_views() == {"My failures": "outcome=blocked"}


def test_a_view_can_be_deleted_and_both_are_audited(http: TestClient, engine: Engine) -> None:
    save_view(http, "Mine", "outcome=failed")
    with transaction() as session:
        view_id = session.scalar(select(SavedView.id))
    assert http.post(f"/executions/views/{view_id}/delete").status_code == 303
    assert kept_views() == {}
    assert http.post(f"/executions/views/{view_id}/delete").status_code == 404
    with transaction() as session:
        actions = list(session.scalars(select(AuditRow.action).order_by(AuditRow.id)))
    assert [each for each in actions if each.startswith("view")] == ["view.saved", "view.deleted"]


@pytest.mark.parametrize(("name", "told"), [("  ", "Give the view a name"), ("x" * 61, "at most")])
def test_a_name_that_cannot_be_is_refused_beside_its_field(
    http: TestClient, name: str, told: str
) -> None:
    html = text_of(save_view(http, name, "symbol=MSFT", 422))
    assert told in html
    assert 'value="MSFT"' in html
    assert kept_views() == {}


def test_a_view_of_what_the_list_would_refuse_is_refused(http: TestClient) -> None:
    assert "outcome" in text_of(save_view(http, "Mine", "outcome=nonsense", 422))
    assert kept_views() == {}


# --- what is done with rows ----------------------------------------------------------------------


def started(response: Any) -> list[int]:
    return [int(each) for each in parse_qs(urlsplit(response.headers["location"]).query)["id"]]


def test_running_again_says_what_will_happen_before_it_does(
    http: TestClient, engine: Engine
) -> None:
    held, failed, queued = two_kinds(engine)
    html = page(http, f"/executions/rerun?id={held}&id={failed}&id={failed}")
    assert "Starts 1 new execution now" in html
    assert "Left out: 1" in html
    assert f"Execution {queued} is still under way." in html
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM executions")) == 3


def test_running_again_starts_one_per_strategy_and_symbol(http: TestClient, engine: Engine) -> None:
    held, failed, _queued = two_kinds(engine)
    again = add_other(engine, "MSFT")
    response = http.post("/executions/rerun", data={"id": [held, failed, again, again]})
    assert response.status_code == 303
    new = started(response)
    rows = [read(execution_id)[0] for execution_id in new]
    assert {row.symbol for row in rows} == {"MSFT"}
    assert len({row.strategy_id for row in rows}) == 2
    assert {(row.trigger, row.status.value) for row in rows} == {(Trigger.PLAY, "queued")}
    html = page(http, response.headers["location"])
    assert "0 of 2 finished" in html
    assert "/live/executions" in html


def add_other(engine: Engine, symbol: str) -> int:
    return add(engine.save(definition(name="Another", symbols=[symbol])), symbol)


def test_progress_ends_when_all_are_finished(http: TestClient, engine: Engine) -> None:
    execution_id = add_other(engine, "MSFT")
    [new] = started(http.post("/executions/rerun", data={"id": [execution_id]}))
    engine.executor.run(new)
    html = page(http, f"/executions/started?id={new}")
    assert "1 of 1 finished: all done" in html
    assert "/live/executions" not in html


def test_what_cannot_run_again_is_named_with_its_reason(http: TestClient, engine: Engine) -> None:
    gone = engine.save(definition(name="Gone"))
    changed = engine.save(definition(name="Changed"))
    ids = [add(gone, "AAPL"), add(changed, "TSLA")]
    with transaction() as session:
        strategies.archive(session, engine.clock, strategies.get(session, gone.id), actor="test")
    query = "&".join(f"id={each}" for each in ids)
    html = page(http, f"/executions/rerun?{query}")
    assert "Nothing to start" in html
    assert "The strategy is archived." in html
    assert "The strategy no longer trades TSLA." in html
    response = http.post("/executions/rerun", data={"id": ids})
    assert response.headers["location"] == "/executions"
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM executions")) == 2


@pytest.mark.parametrize("ids", [[], list(range(1, 102))])
def test_none_or_too_many_are_refused(http: TestClient, ids: list[int]) -> None:
    query = "&".join(f"id={each}" for each in ids)
    assert "Choose at" in page(http, f"/executions/rerun?{query}", 422)
    response = http.post("/executions/rerun", data={"id": ids})
    assert response.status_code == 422


def test_unknown_ids_start_nothing(http: TestClient) -> None:
    assert "None of the chosen executions exists." in page(http, "/executions/rerun?id=99")
    assert "No such executions" in page(http, "/executions/started?id=99")


def test_two_are_compared_and_other_numbers_are_sent_back(http: TestClient) -> None:
    def chosen(query: str) -> str:
        response = http.get(f"/executions/chosen?{query}")
        assert response.status_code == 303
        return str(response.headers["location"])

    assert chosen("then=compare&id=9&id=4") == "/executions/compare?a=4&b=9"
    assert chosen("then=compare&id=9&back=symbol%3DAAPL") == "/executions?symbol=AAPL"
    assert chosen("then=compare&id=9&id=9") == "/executions"
    assert chosen("then=rerun&id=9&id=4") == "/executions/rerun?id=4&id=9"
    assert chosen("then=rerun") == "/executions"
    assert chosen("then=rerun&back=//evil.example") == "/executions"


# --- REST ----------------------------------------------------------------------------------------


def test_programs_count_and_search_as_people_do(api: Api, engine: Engine) -> None:
    held, failed, queued = two_kinds(engine)
    counts = api.get("/executions/counts")
    found = {state: count for state, count in counts["by_state"].items() if count}
    assert found == {"held": 1, "failed": 1, "queued": 1}
    assert counts["at_most"] == 10_000
    assert api.get("/executions/counts", symbol="MSFT")["by_state"] == {"failed": 1}

    def ids(**asked: Any) -> list[int]:
        return [each["id"] for each in api.get("/executions", **asked)["executions"]]

    assert ids(q="bars") == [failed]
    assert ids(q="") == [queued, failed, held]
    assert ids(until="2026-11-20T00:00:00Z") == [failed, held]


@pytest.mark.parametrize("name", ["since", "until"])
def test_a_moment_without_its_zone_is_refused(api: Api, name: str) -> None:
    error = api.refused("GET", "/executions", 422, params={name: "2026-11-20T00:00:00"})
    assert error["field"] == name
    assert "time zone" in error["message"]
