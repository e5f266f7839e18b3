"""The portfolio page: figures, risk to stops, whose shares they are, books, and closing."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.portfolio import breakdown, curves, holdings
from backend.portfolio.books import drift
from backend.portfolio.curves import Range
from backend.portfolio.models import AccountLook
from backend.portfolio.orders.models import Closing, Order, Role, RoundTrip
from backend.portfolio.pages import mark
from backend.trading.order_state import OrderState
from backend.web.audit import AuditRow
from tests.support.kept_orders import (
    ACCOUNT,
    HOSTILE,
    drifted,
    fill,
    lone,
    look,
    orders_of,
    position,
    trade,
    worth,
)
from tests.support.live_engine import FRIDAY, Engine
from tests.support.web_client import text_of

pytestmark = pytest.mark.usefixtures("db")


def page(http: TestClient, path: str = "/portfolio", status: int = 200) -> str:
    response = http.get(path)
    assert response.status_code == status, response.text
    return text_of(response)


def words(html: str) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def held(account: str = ACCOUNT) -> holdings.Holdings:
    with transaction() as session:
        found = holdings.read(session, account)
    assert found is not None
    return found


def post(http: TestClient, path: str, **fields: object) -> str:
    """The page that follows a write that went well or was kindly declined."""
    response = http.post(path, data=fields)
    assert response.status_code == 303, response.text
    return page(http, response.headers["location"])


def explain(http: TestClient, number: int, **fields: object) -> str:
    return post(http, f"/portfolio/drifts/{number}/explain", account=ACCOUNT, **fields)


def test_an_account_that_nobody_looked_at_says_who_does(http: TestClient) -> None:
    assert "No account was looked at yet" in page(http)


def test_figures_come_from_the_last_look_with_its_moment(http: TestClient) -> None:
    trade()
    look()
    worth(100_000)
    said = words(page(http))
    for each in (
        *("$100,000.00", "+$120.50", "$90,000.00", "$180,000", "15:30:00 EST", "simulated"),
        *("Open risk $900.00 0.90 % of equity", "+$398.00", "$10,400 0.1 times equity"),
    ):
        assert each in said, each


def test_a_position_tells_whose_it_is_its_stop_and_what_it_may_lose(http: TestClient) -> None:
    trip = trade(execution_id=77)
    look()
    html = page(http)
    said = words(html)
    stop = orders_of(trip)[Role.STOP]
    assert f'href="/orders/{stop.id}"' in html
    assert 'href="/executions/77"' in html
    for each in ("Always long", "+0.79 R", "$900.00", "10.4 % of equity", "100.02 → 104"):
        assert each in said, each


def test_risk_is_what_is_lost_from_the_last_price_on_for_longs_and_shorts() -> None:
    trade()
    trade(strategy_id=2, execution_id=2, conid=5, symbol="NVDA", side="SELL", stop=Decimal(120))
    look(ACCOUNT, position(), position(-100, 110, conid=5, symbol="NVDA"))
    seen = held()
    risks = {row.position.symbol: row.risk for row in seen.rows}
    assert risks == {"AAPL": Decimal(900), "NVDA": Decimal(1000)}
    assert (seen.long, seen.short) == (Decimal(10_400), Decimal(11_000))
    assert (seen.gross, seen.net) == (Decimal(21_400), Decimal(-600))
    assert seen.risk == Decimal(1900)


def test_shares_without_a_stop_are_named(http: TestClient) -> None:
    trip = trade()
    with transaction() as session:
        stop = session.get_one(Order, orders_of(trip)[Role.STOP].id)
        stop.quantity = Decimal(60)
    look(ACCOUNT, position(130))
    row = held().rows[0]
    assert (row.unprotected, row.others) == (Decimal(70), Decimal(30))
    said = words(page(http))
    assert "70 without a stop" in said
    assert "nobody's here: 30" in said.replace("&#39;", "'")


def test_a_stop_that_is_over_protects_nothing() -> None:
    trip = trade()
    with transaction() as session:
        stop = session.get_one(Order, orders_of(trip)[Role.STOP].id)
        stop.state, stop.done_at = OrderState.CANCELLED, FRIDAY
    look()
    row = held().rows[0]
    assert row.risk is None
    assert row.unprotected == Decimal(100)


def test_another_currency_is_left_out_of_sums(http: TestClient) -> None:
    look(ACCOUNT, position(), position(10, 50, conid=9, symbol="SAP", currency="EUR"))
    assert held().gross == Decimal(10_400)
    assert "left out of the sums" in page(http)


def test_several_accounts_are_switched(http: TestClient) -> None:
    look()
    look("DUP999999", position(7, 50, symbol="TSLA", conid=8))
    worth(100_000)
    worth(55_000, account="DUP999999")
    assert "TSLA" in page(http, "/portfolio?account=DUP999999")
    html = page(http)
    assert "TSLA" not in html.partition('id="positions"')[2]
    assert "/portfolio?account=DUP999999" in html


def test_an_account_that_was_never_seen_is_not_found(http: TestClient) -> None:
    look()
    html = page(http, "/portfolio?account=DUP123465", 404)
    assert "Did you mean" in html


def test_equity_and_drawdown_are_drawn_over_a_range(http: TestClient, engine: Engine) -> None:
    look()
    for minutes, equity in ((9000, 120_000), (600, 100_000), (300, 90_000), (5, 96_000)):
        worth(equity, minutes_ago=minutes)
    with transaction() as session:
        now = FRIDAY + timedelta(minutes=1)
        day, everything = (
            curves.read(session, ACCOUNT, each, now) for each in (Range.DAY, Range.ALL)
        )
    assert [point.equity for point in day.points] == [100_000, 90_000, 96_000]
    # Below the peak of all times, not below that of the day.
    assert day.points[0].drawdown == pytest.approx(-1 / 6)
    assert day.deepest is not None
    assert day.deepest.drawdown == pytest.approx(-0.25)
    assert everything.change == pytest.approx(-0.2)
    html = page(http, "/portfolio?over=all")
    # Each for a wide window and for a phone.
    assert html.count("<polyline") == 4
    assert "over=week#curve" in html


def test_many_snapshots_are_drawn_as_few_points_and_keep_the_deepest() -> None:
    with transaction() as session:
        assert curves.read(session, ACCOUNT, Range.ALL, FRIDAY).points == ()
    for number in range(600):
        worth(99_000 if number == 333 else 100_000, minutes_ago=600 - number)
    with transaction() as session:
        curve = curves.read(session, ACCOUNT, Range.ALL, FRIDAY)
    assert len(curve.points) <= curves.POINTS + 1
    assert curve.deepest is not None
    assert curve.deepest.drawdown == pytest.approx(-0.01)


def test_trades_are_summed_by_strategy_and_by_symbol(http: TestClient) -> None:
    trade()
    closed = trade(strategy_id=2, strategy_name="Other", execution_id=2)
    with transaction() as session:
        row = session.get_one(RoundTrip, closed.id)
        row.left, row.exit_price, row.closed_at = Decimal(100), Decimal(107), FRIDAY
        row.gross_pnl, row.commission = Decimal(698), Decimal(2)
    look()
    with transaction() as session:
        seen = holdings.read(session, ACCOUNT)
        by_strategy = breakdown.by_strategy(session, ACCOUNT, seen)
        by_symbol = breakdown.by_symbol(session, ACCOUNT, seen)
    told = [(line.name, line.realized, line.unrealized, line.risk) for line in by_strategy]
    assert told == [("Always long", 0, Decimal(398), Decimal(900)), ("Other", Decimal(696), 0, 0)]
    assert [(line.name, line.trips, line.total) for line in by_symbol] == [
        ("AAPL", 2, Decimal(1094))
    ]


def test_books_stand_beside_the_broker_and_differences_show(http: TestClient) -> None:
    trade()
    look(ACCOUNT, position(80), position(5, 10, conid=9, symbol="OLD"))
    drifted(0, 5, is_confirmed=False, conid=9, symbol="OLD")
    table = words(page(http).partition('id="beside"')[2])
    assert "AAPL 100 80 -20 ! looked at again" in table
    assert "OLD 0 5 5 ! looked at again" in table


def test_a_drift_is_explained_and_books_follow(http: TestClient) -> None:
    trade()
    look(ACCOUNT, position(80))
    number = drifted(100, 80)
    html = page(http)
    assert "blocks new orders" in html
    after = post(
        http, f"/portfolio/drifts/{number}/explain", account=ACCOUNT, reason="Sold by hand."
    )
    assert "is explained; orders are allowed again" in after
    assert "blocks new orders" not in after
    assert "Sold by hand." in after
    with transaction() as session:
        assert drift.blocking(session, ACCOUNT) == []
        assert session.scalars(select(AuditRow.action)).all() == ["drift.explained"]


def test_a_drift_that_closed_a_trade_by_hand_closes_it(http: TestClient) -> None:
    trip = trade()
    look(ACCOUNT)
    number = drifted(100, 0)
    with transaction() as session:
        entry = session.get_one(Order, orders_of(trip)[Role.ENTRY].id)
        made = fill(
            entry,
            9,
            Decimal(100),
            Decimal(103),
            order_id=None,
            side="SELL",
            broker_order_id="elsewhere",
            at=FRIDAY + timedelta(minutes=1),
        )
        session.add(made)
    html = page(http)
    assert "Made elsewhere" in html
    post(
        http,
        f"/portfolio/drifts/{number}/explain",
        account=ACCOUNT,
        reason="By hand.",
        closes=trip.id,
    )
    with transaction() as session:
        row = session.get_one(RoundTrip, trip.id)
        assert (row.exit_reason, row.exit_price) == ("hand", Decimal(103))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"reason": "   "}, "Say what became of the shares"),
        ({"reason": "x" * 501}, "501 characters"),
        ({"reason": HOSTILE, "closes": 4711}, "4711 is not open"),
    ],
)
def test_an_explanation_that_cannot_be_stays_in_the_form(
    http: TestClient, fields: dict[str, object], said: str
) -> None:
    trade()
    look(ACCOUNT, position(80))
    number = drifted(100, 80)
    response = http.post(f"/portfolio/drifts/{number}/explain", data={"account": ACCOUNT, **fields})
    assert response.status_code == 422
    html = text_of(response)
    assert said in html
    assert HOSTILE not in html
    assert "blocks new orders" in html
    with transaction() as session:
        assert len(drift.blocking(session, ACCOUNT)) == 1


def test_a_drift_is_explained_once(http: TestClient) -> None:
    look()
    number = drifted(100, 80)
    post(http, f"/portfolio/drifts/{number}/explain", account=ACCOUNT, reason="First.")
    again = http.post(
        f"/portfolio/drifts/{number}/explain", data={"account": ACCOUNT, "reason": "2"}
    )
    assert again.status_code == 409
    assert "explained at" in again.text
    assert "First." in again.text


def test_a_trade_is_closed_once_whoever_presses_twice(http: TestClient) -> None:
    trip = trade()
    look()
    assert "is being closed" in post(
        http, f"/portfolio/round-trips/{trip.id}/close", account=ACCOUNT
    )
    html = post(http, f"/portfolio/round-trips/{trip.id}/close", account=ACCOUNT)
    assert "closing" in html
    assert f"close-trip-{trip.id}" not in html
    with transaction() as session:
        closings = session.scalars(select(Closing)).all()
        assert [(each.round_trip_id, each.reason, each.asked_by) for each in closings] == [
            (trip.id, "hand", "person:ann")
        ]
        assert "position.close_asked" in session.scalars(select(AuditRow.action)).all()


def test_a_trade_of_which_nothing_is_held_is_not_closed(http: TestClient) -> None:
    waiting = trade(entered=Decimal(0))
    over = trade(strategy_id=2, execution_id=2, closed_at=FRIDAY)
    look()
    for trip, said in ((waiting, "cancel them on their pages"), (over, "was closed at")):
        html = post(http, f"/portfolio/round-trips/{trip.id}/close", account=ACCOUNT)
        assert said in words(html)
    with transaction() as session:
        assert session.scalars(select(Closing)).all() == []
    assert http.post("/portfolio/round-trips/99/close", data={}).status_code == 404


def test_shares_of_no_strategy_are_closed_for_themselves(http: TestClient) -> None:
    trade()
    look(ACCOUNT, position(130))
    html = post(http, "/portfolio/positions/265598/close", account=ACCOUNT)
    assert "is being closed" in html
    with transaction() as session:
        closing = session.scalars(select(Closing)).one()
        assert (closing.round_trip_id, closing.conid) == (None, 265598)


def test_shares_that_are_all_a_strategys_are_not_closed_for_themselves(http: TestClient) -> None:
    trade()
    look()
    html = post(http, "/portfolio/positions/265598/close", account=ACCOUNT)
    assert "no shares of 265598 beside those of strategies" in words(html).replace("&#39;", "'")


def test_a_refresh_asks_the_broker_and_keeps_what_it_tells(
    http: TestClient, engine: Engine
) -> None:
    account = engine.tools.broker.accounts()[0].id
    html = post(http, "/portfolio/refresh", account=account)
    assert "The broker was asked a moment ago" in html
    with transaction() as session:
        assert session.get_one(AccountLook, account).document["equity"]


def test_a_refresh_of_an_account_that_the_login_does_not_hold_says_so(http: TestClient) -> None:
    look("DUP000000")
    html = post(http, "/portfolio/refresh", account="DUP000000")
    assert "The broker could not be asked" in html


def test_what_others_wrote_is_escaped(http: TestClient) -> None:
    trade(strategy_name=HOSTILE, symbol="<b>X")
    look(ACCOUNT, position(symbol="<b>X"))
    drifted(1, 2, symbol="<b>Y", conid=77)
    html = page(http)
    assert HOSTILE not in html
    assert "<b>" not in html


def test_the_portfolio_is_for_those_who_are_signed_in(anonymous: TestClient) -> None:
    for path in ("/portfolio", "/live/portfolio"):
        assert anonymous.get(path).status_code == 303
    assert anonymous.post("/portfolio/refresh", data={"account": ACCOUNT}).status_code == 401


def test_an_order_that_nobody_knows_moves_the_page(http: TestClient) -> None:
    look()
    with transaction() as session:
        before = mark(session)
    lone(OrderState.LOST)
    drifted(1, 2)
    with transaction() as session:
        assert mark(session) != before
