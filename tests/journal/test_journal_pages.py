"""The journal as a person reads it: lines, totals, filters, notes, and one round trip in full."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from html import escape
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.executions.models import Execution
from backend.journal.models import Note
from backend.portfolio.orders.models import Order, OrderTransition, RoundTrip
from backend.trading.order_state import OrderState
from backend.web.audit import AuditRow
from tests.support.live_engine import FRIDAY, Engine
from tests.support.past_trips import closed_trip
from tests.support.trades import round_trip
from tests.support.web_client import text_of

HOSTILE = "<script>alert('x')</script>"


def page(http: TestClient, path: str = "/journal", status: int = 200) -> str:
    response = http.get(path)
    assert response.status_code == status, response.text
    return text_of(response)


def figure(html: str, label: str) -> str:
    """What a figure of the page says, with where it comes from."""
    found = re.search(
        rf'stat-label">{re.escape(escape(label))}</div>(.*?)</div>\s*</div>', html, re.DOTALL
    )
    assert found, label
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[1])).strip()


def day(number: int) -> datetime:
    return FRIDAY + timedelta(days=number)


@pytest.fixture
def traded(engine: Engine) -> Engine:
    """
    One execution that cost 0.25 dollars, and three simulated round trips: won 2 R before costs,
    lost one, won one short.
    """
    engine.run()
    with transaction() as session:
        session.execute(update(Execution).values(cost_usd=Decimal("0.25")))
        closed_trip(session, 1, "200", "220", closed_at=day(1), best_price=Decimal(222))
        closed_trip(session, 2, "200", "190", reason="stop", closed_at=day(2), symbol="MSFT")
        closed_trip(session, 3, "200", "190", stop="210", side="SELL", closed_at=day(3))
    return engine


def add(execution_id: int, **changes: Any) -> None:
    with transaction() as session:
        closed_trip(session, execution_id, "200", "210", closed_at=day(4), **changes)


def test_an_empty_journal_says_when_something_will_be_in_it(http: TestClient) -> None:
    html = page(http)
    assert "No round trips yet" in html
    assert "mode approve or trade" in html
    assert "Export" not in html


def test_a_line_tells_prices_reasons_costs_and_results(http: TestClient, traded: Engine) -> None:
    html = page(http)
    row = next(row for row in html.split("<tr>") if 'font-medium" href="/journal/1"' in row)
    for said in ("AAPL", "long 100", "200.00 → 220.00", "Target", "+2.00 R", "$2.00", "$0.2500"):
        assert said in row, said
    assert "+$1,998.00" in row
    assert "+$1,997.75" in row
    assert "0.00 R</span> / " in row
    assert "2.20 R" in row
    assert "after 3 h" in row
    # Of the others no execution is kept: what they are net of AI cannot be told.
    other = next(row for row in html.split("<tr>") if 'font-medium" href="/journal/3"' in row)
    assert "short 100" in other
    assert "+$998.00" in other
    assert "+$997" not in other


def test_totals_are_those_of_the_closed_ones(http: TestClient, traded: Engine) -> None:
    with transaction() as session:
        round_trip(session, execution_id=9, conid=7, symbol="TSLA")
    html = page(http)
    # 1998 - 1002 + 998, of commissions of 2 each.
    assert figure(html, "Net P&L").startswith("+$1,994.00 after $6.00 commission")
    assert figure(html, "Net of AI cost").startswith("+$1,993.75 AI $0.2500")
    assert figure(html, "Win rate") == "66.7 % 2 won, 1 lost of 3"
    assert figure(html, "Profit factor").startswith("2.99")
    assert figure(html, "Deepest drawdown") == "$1,002.00 of closed results; now $4.00"
    assert figure(html, "Expectancy").startswith("+0.66 R $664.67")
    assert "3 closed round trips are few" in html
    assert "TSLA" in html


def test_simulated_paper_and_live_are_never_added_up(http: TestClient, traded: Engine) -> None:
    add(4, is_simulated=False, symbol="NVDA")
    add(5, is_simulated=False, is_paper=False, symbol="TSLA")
    live = page(http)
    assert "Real money." in live
    assert "TSLA" in live
    assert "NVDA" not in live
    assert "MSFT" not in live
    assert figure(live, "Net P&L").endswith("live, USD")
    assert figure(page(http, "/journal?kind=paper"), "Net P&L").startswith("+$998.00")
    simulated = page(http, "/journal?kind=simulated")
    assert "nothing here was won or lost" in simulated
    assert figure(simulated, "Net P&L").startswith("+$1,994.00")


def test_currencies_are_never_added_up_and_ai_cost_only_taken_off_dollars(
    http: TestClient, traded: Engine
) -> None:
    add(4, currency="EUR")
    html = page(http)
    assert "<h2>EUR</h2>" in html
    assert "998.00 EUR" in html
    assert "models are paid in USD, this is EUR" in html
    assert "2,992" not in html


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("symbol=msft", {2}),
        ("side=SELL", {3}),
        ("exit_reason=stop", {2}),
        ("strategy_id=2", set()),
        ("account=DUP1000001", {1, 2, 3}),
        ("account=U2", set()),
        ("since=2026-11-22&until=2026-11-22", {2}),
        ("until=2026-11-21", {1}),
        ("state=open", set()),
        ("state=closed&symbol=AAPL", {1, 3}),
        ("currency=EUR", set()),
        ("tag=lesson", {2}),
    ],
)
def test_filters_narrow_lines_and_totals(
    http: TestClient, traded: Engine, query: str, shown: set[int]
) -> None:
    http.post("/journal/2/note", data={"text": "", "tags": "lesson"})
    html = page(http, f"/journal?{query}")
    table = html[html.index('aria-label="Round trips"') :]
    assert {int(number) for number in re.findall(r'href="/journal/(\d+)"', table)} == shown
    if not shown:
        assert "Nothing matches" in html


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=soon", "is no day. Write it as 2026-01-31."),
        ("side=long", "is none of"),
        ("exit_reason=luck", "is none of"),
        ("kind=toy", "is none of"),
        ("strategy_id=x", "does not fit"),
        ("currency=E", "does not fit"),
    ],
)
def test_a_filter_that_is_not_understood_is_told_and_narrows_nothing_silently(
    http: TestClient, traded: Engine, query: str, said: str
) -> None:
    html = page(http, f"/journal?{query}", 422)
    assert said in html
    assert 'href="/journal/1"' not in html


def test_what_came_to_nothing_is_told_apart_and_in_no_total(
    http: TestClient, traded: Engine
) -> None:
    with transaction() as session:
        round_trip(session, execution_id=8, closed_at=day(5), exit_reason="not_filled")
    html = page(http, "/journal?state=unfilled")
    assert "Not filled" in html
    assert "stat-label" not in html
    assert "of 3" in figure(page(http), "Win rate")


def test_a_closed_one_without_a_price_is_said_to_be_missing(
    http: TestClient, traded: Engine
) -> None:
    add(4, gross_pnl=None, entry_price=None)
    html = page(http)
    assert "1 closed round trip has no known price yet and is in no sum." in html
    assert figure(html, "Net P&L").startswith("+$1,994.00")


@pytest.mark.parametrize(
    ("by", "headings"),
    [
        ("strategy", ["Trend"]),
        ("symbol", ["AAPL", "MSFT"]),
        ("side", ["long", "short"]),
        ("exit_reason", ["Target", "Stop"]),
        ("month", ["2026-11"]),
    ],
)
def test_totals_are_told_by_what_they_have_in_common(
    http: TestClient, traded: Engine, by: str, headings: list[str]
) -> None:
    html = page(http, f"/journal?by={by}")
    table = html[html.index('aria-label="By ') : html.index('aria-label="Round trips"')]
    found = re.findall(r'<tr><td data-label="[^"]+">(?:<a[^>]*>)?([^<]+)', table)
    assert found == headings


def test_a_long_journal_goes_on_on_the_next_page(http: TestClient, traded: Engine) -> None:
    for number in range(10, 62):
        add(number)
    first = page(http)
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    second = page(http, older[1].replace("&amp;", "&"))
    seen = [re.findall(r'font-medium" href="/journal/(\d+)"', html) for html in (first, second)]
    assert [len(each) for each in seen] == [50, 5]
    assert not set(seen[0]) & set(seen[1])
    # The plots thin out, and the sums do not.
    assert "of 55" in figure(first, "Win rate")


def test_one_round_trip_tells_orders_fills_and_leads_to_its_lineage(
    http: TestClient, traded: Engine
) -> None:
    html = page(http, "/journal/1")
    assert figure(html, "R achieved") == "+2.00 R R is $1,000.00"
    assert figure(html, "Net P&L") == "+$1,998.00 $2,000.00 before $2.00 commission"
    assert figure(html, "Entry slippage") == "$0.00 decided at 200.00, filled at 200.00"
    assert 'href="/executions/1"' in html
    assert "The trend is up." in html
    assert "gb-1-entry" in html
    assert 'href="/orders/1"' in html
    assert "100 at 220, as the broker tells" in html
    assert 'data-state="simulated"' in html


def test_what_befell_several_orders_at_once_is_told_once(http: TestClient, traded: Engine) -> None:
    with transaction() as session:
        for order in session.scalars(select(Order).where(Order.round_trip_id == 1)):
            seen = {"order_id": order.id, "at": day(1), "by": "worker", "details": {}}
            sentence = "Its place is reserved."
            after = OrderState.PLANNED
            session.add(OrderTransition(**seen, before=None, after=after, sentence=sentence))
    html = page(http, "/journal/1")
    assert "Entry and target planned" in html
    assert html.count("Its place is reserved.") == 1


def test_an_open_one_claims_no_result(http: TestClient, traded: Engine) -> None:
    with transaction() as session:
        made = round_trip(session, execution_id=9, conid=7, entered=Decimal(40), opened_at=FRIDAY)
        number = made.id
    html = page(http, f"/journal/{number}")
    assert figure(html, "Net P&L").startswith("\N{EN DASH}")
    assert figure(html, "Shares") == "40 in, 0 out planned 100"
    assert "still open" in html


def test_shares_that_went_elsewhere_are_said_to_be_in_no_figure(
    http: TestClient, traded: Engine
) -> None:
    add(4, left=Decimal(60), reason="hand")
    assert "40 shares went elsewhere" in page(http, "/journal/4")


def test_an_unknown_round_trip_is_not_found(http: TestClient, engine: Engine) -> None:
    assert "There is no round trip 4711." in page(http, "/journal/4711", 404)


def test_a_note_is_kept_shown_and_audited(http: TestClient, traded: Engine) -> None:
    said = {"text": f"Entered late. {HOSTILE}", "tags": "Late-Entry, news late-entry"}
    assert http.post("/journal/2/note", data=said).status_code == 303
    html = page(http, "/journal/2")
    assert "Entered late. &lt;script&gt;" in html
    assert HOSTILE not in html
    assert 'value="late-entry, news"' in html
    assert "late-entry, news" in page(http)
    http.post("/journal/2/note", data={"text": "", "tags": ""})
    with transaction() as session:
        assert session.scalars(select(Note)).all() == []
        rows = session.scalars(select(AuditRow).order_by(AuditRow.id)).all()
    noted = [row for row in rows if row.action == "round_trip.noted"]
    assert [row.actor for row in noted] == ["person:ann", "person:ann"]
    assert noted[0].before is None
    assert noted[1].after is None
    assert noted[0].after == noted[1].before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tags": "<b>"}, "is no tag. Use letters"),
        ({"tags": ",".join(f"t{n}" for n in range(11))}, "at most 10 tags; these are 11"),
        ({"text": "x" * 4_001}, "at most 4,000 characters; this one has 4,001"),
        ({"text": "a\x00b"}, "Take the character with the code 0 out"),
    ],
)
def test_a_note_that_does_not_do_is_refused_and_kept_in_the_form(
    http: TestClient, traded: Engine, given: dict[str, str], said: str
) -> None:
    response = http.post("/journal/2/note", data={"text": "mine", "tags": "mine"} | given)
    assert response.status_code == 422
    assert said in response.text
    assert "mine" in response.text
    with transaction() as session:
        assert session.scalars(select(Note)).all() == []


def test_what_others_wrote_is_escaped(http: TestClient, traded: Engine) -> None:
    with transaction() as session:
        hostile = {"entry_reason": HOSTILE, "strategy_name": HOSTILE, "exit_reason": HOSTILE}
        session.execute(update(RoundTrip).values(hostile))
    for path in ("/journal", "/journal/1", "/journal?by=exit_reason"):
        assert HOSTILE not in page(http, path)


def test_a_strategys_page_tells_its_results_by_kind(http: TestClient, traded: Engine) -> None:
    add(4, is_simulated=False)
    with transaction() as session:
        round_trip(session, execution_id=9, conid=7, is_simulated=False, is_paper=False)
    html = page(http, "/strategies/1")
    rows = html[html.index('id="results"') :].split("<tr>")[2:5]
    assert "kind=paper&amp;strategy_id=1" in rows[0]
    assert "+$998.00" in rows[0]
    assert "kind=simulated" in rows[1]
    assert "+$1,994.00" in rows[1]
    assert "67 %" in rows[1]
    assert "kind=live" in rows[2]
    assert "$" not in rows[2].partition("</table>")[0]
    assert "all its executions together cost $0.2500" in html


def test_a_strategy_that_never_traded_has_no_results(http: TestClient, engine: Engine) -> None:
    engine.run()
    assert 'id="results"' not in page(http, "/strategies/1")
