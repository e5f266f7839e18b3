"""The list of orders and the page of one: tabs, filters, all that is known, nothing unescaped."""

import re
from decimal import Decimal
from html import unescape

import pytest
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.portfolio.orders import listing
from backend.portfolio.orders.models import Order, OrderTransition, Role
from backend.trading.order_state import OrderState
from tests.support.kept_orders import HOSTILE, lone, orders_of, trade
from tests.support.web_client import text_of


def page(http: TestClient, path: str = "/orders", status: int = 200) -> str:
    response = http.get(path)
    assert response.status_code == status, response.text
    return text_of(response)


def listed(html: str) -> list[int]:
    return [int(found) for found in re.findall(r'data-row="/orders/(\d+)"', html)]


def counts(html: str) -> dict[str, str]:
    nav = html.partition('aria-label="State"')[2].partition("</nav>")[0]
    return dict(re.findall(r"<a[^>]*>([^<]+?) *<span class=\"count\">([\d,+]+)</span>", nav))


def test_an_empty_list_says_where_orders_come_from(http: TestClient) -> None:
    html = page(http)
    assert "No orders yet" in html
    assert "/strategies" in html


def test_each_tab_lists_its_states_and_counts_all(http: TestClient) -> None:
    trade()
    refused = lone(OrderState.REFUSED)
    withdrawn = lone(OrderState.WITHDRAWN)
    lost = lone(OrderState.LOST)
    html = page(http)
    assert counts(html) == {"Working": "3", "Done": "1", "Refused, withdrawn": "2", "All": "6"}
    assert listed(html) == [lost, 3, 2]
    assert listed(page(http, "/orders?tab=refused")) == [withdrawn, refused]
    assert listed(page(http, "/orders?tab=done")) == [1]
    assert len(listed(page(http, "/orders?tab=all"))) == 6


def test_filters_narrow_rows_and_counts(http: TestClient) -> None:
    trip = trade()
    other = trade("DUP999999", strategy_id=2, strategy_name="Other", execution_id=2, symbol="NVDA")
    for query in ("account=DUP999999", "strategy_id=2", "symbol=nvda", f"round_trip={other.id}"):
        html = page(http, f"/orders?tab=all&{query}")
        assert set(listed(html)) == {each.id for each in orders_of(other).values()}, query
        assert counts(html)["All"] == "3"
    assert "No orders match" in page(http, f"/orders?symbol=TSLA&round_trip={trip.id}")


def test_a_long_list_is_paged_in_both_directions(http: TestClient) -> None:
    ids = [lone(OrderState.WORKING) for _ in range(listing.PAGE + 3)]
    first = page(http)
    assert listed(first) == ids[::-1][: listing.PAGE]
    assert 'rel="prev"' not in first
    older = unescape(re.search(r'rel="next" href="([^"]+)"', first)[1])  # type: ignore[index]
    last = page(http, older)
    assert listed(last) == ids[:3][::-1]
    assert 'rel="next"' not in last
    newer = unescape(re.search(r'rel="prev" href="([^"]+)"', last)[1])  # type: ignore[index]
    assert listed(page(http, newer)) == listed(first)


def test_rows_tell_role_terms_fill_slippage_and_lineage(http: TestClient) -> None:
    trade(execution_id=77)
    html = page(http, "/orders?tab=all")
    for said in ("entry", "100 of 100", "100.02", "+0.02", "/executions/77", "Always long"):
        assert said in html, said
    assert "stop 95" in html
    assert "limit 110" in html


def test_what_others_wrote_is_escaped(http: TestClient) -> None:
    trip = trade(strategy_name=HOSTILE)
    refused = lone(OrderState.REFUSED, reason=HOSTILE)
    with transaction() as session:
        entry = session.get_one(Order, orders_of(trip)[Role.ENTRY].id)
        session.add(
            OrderTransition(
                order_id=entry.id,
                at=entry.created_at,
                before=entry.state,
                after=entry.state,
                by=HOSTILE,
                sentence=HOSTILE,
                details={HOSTILE: HOSTILE},
            )
        )
    for path in ("/orders?tab=all", f"/orders/{refused}", f"/orders/{entry.id}"):
        html = page(http, path)
        assert HOSTILE not in html
        assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("query", "field"),
    [("tab=nothing", "tab"), ("strategy_id=x", "strategy_id"), ("before=0", "before")],
)
def test_a_filter_that_cannot_be_is_named(http: TestClient, query: str, field: str) -> None:
    assert field in page(http, f"/orders?{query}", 422)


def test_the_page_of_an_order_tells_everything(http: TestClient) -> None:
    trip = trade(execution_id=77)
    entry = orders_of(trip)[Role.ENTRY]
    html = page(http, f"/orders/{entry.id}")
    for said in (
        *("planned", "It is sending now.", "Stop orders become market orders.", "o10331"),
        *("policy: o10331 is covered", f"fill-{entry.id}-0", "60", "100.02"),
        *(entry.client_order_id, entry.broker_order_id or "", "180 ms", "/executions/77"),
        *("2 in all", "Orders of the same trade", "Stop 95", "Target 1 110"),
    ):
        assert said in html, said


def test_the_question_of_the_request_shows_with_its_legs(http: TestClient) -> None:
    stop = orders_of(trade())[Role.STOP]
    html = page(http, f"/orders/{stop.id}")
    assert "Stop orders become market orders." in html
    assert "the request that this order went out with" in html


def test_an_order_of_no_strategy_has_a_page_too(http: TestClient) -> None:
    html = page(http, f"/orders/{lone(OrderState.UNKNOWN)}")
    assert "closes what no strategy opened" in html
    assert "Nobody knows what became of it" in html


@pytest.mark.parametrize("path", ["/orders/4711", "/orders/0", "/orders/x"])
def test_an_order_that_is_not_there(http: TestClient, path: str) -> None:
    assert http.get(path).status_code in (404, 422)


def test_orders_are_for_those_who_are_signed_in(anonymous: TestClient) -> None:
    for path in ("/orders", "/orders/1", "/live/orders"):
        assert anonymous.get(path).status_code == 303


def test_the_mark_moves_with_state_figures_and_answers(http: TestClient) -> None:
    trip = trade()

    def mark() -> str:
        with transaction() as session:
            return listing.mark(session)

    marks = {mark()}
    with transaction() as session:
        order = session.get_one(Order, orders_of(trip)[Role.TARGET].id)
        order.filled = Decimal(20)
        order.updated_at = order.updated_at.replace(year=2027)
    marks.add(mark())
    lone(OrderState.PLANNED, updated_at=order.updated_at.replace(month=12))
    marks.add(mark())
    assert len(marks) == 3
