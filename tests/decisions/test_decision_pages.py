"""The wall of decisions: its cards, filters and summary, and the same over the API."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text, update
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.decisions import gathering, service
from backend.decisions.models import Decision
from backend.decisions.results import Touched
from backend.portfolio.orders.models import RoundTrip
from backend.trading.signal import Action
from tests.support.kept_orders import trade
from tests.support.live_engine import FRIDAY, Engine, definition
from tests.support.web_client import Api, text_of

HOSTILE = "<script>alert('x')</script>"


def page(http: TestClient, path: str = "/decisions", status: int = 200) -> str:
    response = http.get(path)
    assert response.status_code == status, response.text
    return text_of(response)


@pytest.fixture
def decided(engine: Engine) -> Engine:
    """A house with one signal to buy."""
    engine.run()
    gathering.gather(engine.tools.storage)
    return engine


def change(**values: Any) -> None:
    with transaction() as session:
        session.execute(update(Decision).values(values))


def many(count: int, **values: Any) -> None:
    """Copies of the one decision, each of an execution of its own."""
    with transaction() as session:
        names = [c.name for c in Decision.__table__.columns if c.name != "execution_id"]
        execution = ", ".join(
            (
                *("strategy_id", "strategy_version_id", "symbol", "trigger", "requested_by"),
                *("prompt_versions", "status", "outcome", "created_at", "record_count"),
                *("chain_head", "tokens", "cost_usd"),
            )
        )
        ids = session.scalars(
            text(f"""
                INSERT INTO executions (due_at, {execution})
                SELECT due_at + n * interval '1 minute', {execution}
                FROM executions, generate_series(1, :count) AS n WHERE id = 1 RETURNING id
            """),
            {"count": count},
        ).all()
        session.execute(
            text(f"""
                INSERT INTO decisions (execution_id, {", ".join(names)})
                SELECT made, {", ".join(names)} FROM decisions, unnest(:ids) AS made
                WHERE execution_id = 1
            """),
            {"ids": list(ids)},
        )
        if values:
            session.execute(update(Decision).where(Decision.execution_id > 1).values(values))


def test_an_empty_house_says_how_to_begin(http: TestClient) -> None:
    html = page(http)
    assert "No decisions yet" in html
    assert "./glassbox run" in html


def test_a_card_shows_the_plan_who_said_so_and_that_prices_are_simulated(
    http: TestClient, decided: Engine
) -> None:
    html = page(http)
    with transaction() as session:
        made = session.scalars(select(Decision)).one()
    for said in ("BUY", "AAPL", "Always long", "rules alone", "Stop", "Entry", "Target"):
        assert said in html
    assert 'href="/executions/1"' in html
    assert 'data-state="simulated"' in html
    assert f"{made.entry:,.2f}".rstrip("0").rstrip(".") in html
    # The bars that were seen stand in for the picture.
    assert "The last 40 closes" in html
    assert "Quality of decisions, not profit." in html


def test_a_picture_that_the_model_saw_is_the_cards_picture(
    http: TestClient, decided: Engine
) -> None:
    change(chart_sha256="a" * 64)
    assert f'src="/artifacts/{"a" * 64}"' in page(http)


def test_results_are_told_in_per_cent_and_in_risks_and_what_is_open_as_bars_to_come(
    http: TestClient, decided: Engine
) -> None:
    change(
        **{"entry": Decimal(100), "stop": Decimal(98), "bars_after": 2},
        **{"after_1": 0.03, "after_5": None, "after_20": None},
    )
    html = page(http)
    assert "+3.00 %" in html
    assert "+1.50 R" in html
    assert "in 3 bars" in html
    assert "in 18 bars" in html
    assert "Neither stop nor target so far: 2 of 20 bars seen." in html


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"touched": Touched.STOP, "touched_bar": 2}, "Stop reached first, in bar 2."),
        ({"touched": Touched.TARGET, "touched_bar": 7}, "Target reached first, in bar 7."),
        (
            {"touched": Touched.STOP, "touched_bar": 2, "touch_is_ambiguous": True},
            "that bar reached both, so the stop counts.",
        ),
    ],
)
def test_what_was_touched_first_is_said(
    http: TestClient, decided: Engine, values: dict[str, Any], said: str
) -> None:
    change(bars_after=8, **values)
    assert said in page(http)


def test_bars_that_will_never_come_are_told_as_such(http: TestClient, decided: Engine) -> None:
    change(next_look_at=None, bars_after=1, after_1=0.01)
    html = page(http)
    assert html.count("no bars") >= 2
    assert "in 4 bars" not in html


def test_a_hold_shows_why_and_the_price_as_a_buyer_would_see_it(
    http: TestClient, engine: Engine
) -> None:
    engine.run(definition(signal__long_when="close < 0"))
    gathering.gather(engine.tools.storage)
    change(after_1=0.01, bars_after=1)
    html = page(http)
    assert "HOLD: no rule holds" in html
    assert "for a buyer" in html
    assert "reached first" not in html
    assert "+1.00 %" in html


def test_the_summary_counts_hits_and_holds_confidence_against_them(
    http: TestClient, decided: Engine
) -> None:
    change(after_5=0.01, bars_after=5, confidence=0.55)
    many(3, after_5=-0.01, action=Action.SELL, confidence=0.95)
    with transaction() as session:
        summary = service.summary(session, service.Filters())
        sells = service.summary(session, service.Filters(action=Action.SELL))
    assert (summary.count, summary.trades.hits, summary.trades.judged) == (4, 1, 4)
    assert {tenth: share.rate for tenth, share in summary.buckets.items()} == {5: 1.0, 9: 0.0}
    assert (sells.count, sells.trades.rate) == (3, 0.0)
    html = page(http)
    assert "25.0 %" in html
    assert "1 of 4 went their way" in html
    assert "Confidence 90 to 100 %: 0 of 3 went its way" in html


def test_full_confidence_belongs_to_the_last_tenth_and_holds_to_none(
    http: TestClient, decided: Engine
) -> None:
    change(confidence=1, after_5=0)
    many(2, action=Action.HOLD, confidence=0.5)
    with transaction() as session:
        summary = service.summary(session, service.Filters())
    # A price that stands where it stood is no hit.
    assert {tenth: (each.hits, each.judged) for tenth, each in summary.buckets.items()} == {
        9: (0, 1)
    }


def test_filters_narrow_wall_and_summary_and_stay_in_the_address(
    http: TestClient, decided: Engine
) -> None:
    many(2, action=Action.SELL, symbol="MSFT", as_of=FRIDAY + timedelta(days=1), has_plan=False)
    for query, cards in (
        ("action=sell", 2),
        ("symbol=aapl", 1),
        ("since=2026-11-21", 2),
        ("until=2026-11-20", 1),
        ("plan=1", 1),
        ("strategy=1&symbol=MSFT&outcome=observed", 2),
        ("strategy=&symbol=&action=&outcome=&since=&until=", 3),
    ):
        assert page(http, f"/decisions?{query}").count("<article") == cards, query
    html = page(http, "/decisions?symbol=MSFT&since=2026-11-21&plan=1")
    assert "No decisions match" in html
    assert 'value="MSFT"' in html
    assert 'value="2026-11-21"' in html


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("action=BYU", "Did you mean &#39;BUY&#39;"),
        ("outcome=hold", "Did you mean &#39;held&#39;"),
        ("since=yesterday", "Write it as 2026-01-31"),
        ("until=0001-01-01", "no year of a decision"),
        ("strategy=x", "no number from a page"),
        ("before=0", "no number from a page"),
        (f"before={'9' * 30}", "no number from a page"),
    ],
)
def test_a_wrong_filter_is_told_beside_its_field_and_what_was_typed_stays(
    http: TestClient, decided: Engine, query: str, said: str
) -> None:
    html = page(http, f"/decisions?symbol=AAPL&{query}", 422)
    assert said in html
    assert 'value="AAPL"' in html
    assert "Traceback" not in html


def test_older_decisions_are_reached_by_the_link_at_the_end(
    http: TestClient, decided: Engine
) -> None:
    many(service.PAGE)
    html = page(http, "/decisions?symbol=AAPL")
    [link] = re.findall(r'rel="next" href="([^"]+)"', html)
    second = page(http, link.replace("&amp;", "&"))
    assert html.count("<article") == service.PAGE
    assert second.count("<article") == 1
    assert "symbol=AAPL" in link
    assert 'rel="prev"' in second


def test_hostile_names_are_shown_as_text(http: TestClient, engine: Engine) -> None:
    engine.run(definition(name=HOSTILE))
    gathering.gather(engine.tools.storage)
    change(symbol=HOSTILE[:60], analyst=HOSTILE, sentence=HOSTILE, action=Action.HOLD)
    html = page(http, f"/decisions?symbol={HOSTILE}".replace("<", "%3C"), 200)
    html += page(http)
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert") >= 4


def test_the_api_says_the_same(api: Api, decided: Engine) -> None:
    change(after_1=0.03, entry=Decimal(100), stop=Decimal(98), bars_after=1)
    many(2)
    listed = api.get("/decisions", limit=2)
    assert len(listed["decisions"]) == 2
    [last] = api.get("/decisions", before=listed["next_before"])["decisions"]
    assert last["after"] == [
        {"bars": 1, "fraction": 0.03, "risks": pytest.approx(1.5), "pending": None},
        {"bars": 5, "fraction": None, "risks": None, "pending": 4},
        {"bars": 20, "fraction": None, "risks": None, "pending": 19},
    ]
    assert (last["action"], last["strategy_name"], last["is_simulated"]) == (
        "BUY",
        "Always long",
        True,
    )
    summary = api.get("/decisions/summary", action="BUY")
    assert summary["actions"]["BUY"] == {"count": 3, "judged": 0, "hits": 0, "rate": None}
    api.refused("GET", "/decisions", 422, params={"action": "BYU"})
    assert (
        api.refused("GET", "/decisions", 422, params={"since": "2026-01-01T00:00:00"})["field"]
        == "since"
    )


def test_open_pages_are_told_of_whatever_is_new(http: TestClient, engine: Engine) -> None:
    def mark() -> str:
        with transaction() as session:
            return service.mark(session)

    seen = [mark()]
    engine.run(definition(name="first"))
    gathering.gather(engine.tools.storage)
    seen.append(mark())
    with transaction() as session:
        row = session.scalars(select(Decision)).one()
        row.next_look_at, row.outcome = engine.clock.now() + timedelta(days=9), None
    seen.append(mark())
    assert len(set(seen)) == len(seen)
    assert f'data-live="/live/decisions?known={mark()}"' in text_of(http.get("/decisions"))


def test_decisions_with_orders_are_found_and_tell_what_became_of_them(
    http: TestClient, api: Api, decided: Engine
) -> None:
    with transaction() as session:
        execution_id = session.scalars(select(Decision.execution_id)).one()
    html = page(http, "/decisions?orders=1")
    assert "No decisions match" in html
    trip = trade(execution_id=execution_id)
    html = page(http, "/decisions?orders=1")
    assert f'href="/journal/{trip.id}"' in html
    assert "100 held" in html
    assert api.get("/decisions", has_orders=True)["decisions"]
    with transaction() as session:
        row = session.get_one(RoundTrip, trip.id)
        row.closed_at, row.exit_reason, row.left = FRIDAY, "target", Decimal(100)
        row.gross_pnl, row.commission = Decimal(998), Decimal(2)
    html = page(http, "/decisions?orders=1")
    assert "closed by target" in html
    assert "$996.00" in html
