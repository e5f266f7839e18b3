"""The whole life of a trade, as an owner meets it: signal, bracket, stop or target, journal."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from backend.brokers.base import SessionStatus
from backend.core.database import transaction
from backend.executions.verify import verify
from backend.papergateway.account import ACCOUNT
from backend.portfolio.books.models import Drift, Fill
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.portfolio.tracking.reading import MOST_DAYS, Reader
from backend.tracker import WATCHES
from backend.trading.order_state import OrderState
from backend.workflow.outcome import Outcome
from tests.support.live_engine import Engine, example
from tests.support.model_engine import fitting_opinion
from tests.support.openai_server import OpenAIServer
from tests.support.web_client import Api, sign_in, text_of

IN_TREND = datetime(2027, 5, 17, 19, 30, tzinfo=UTC)
"""Half an hour before the close in New York, on a day on which the example's rules hold."""
LONGEST = timedelta(days=60)
STEP = timedelta(hours=8)


@dataclass
class Owner:
    """The engine with a tracker's reading and watches, and a clock that hurries."""

    engine: Engine

    def __post_init__(self) -> None:
        control = self.engine.gateway.control
        control.set_clock(IN_TREND)
        control.reset()
        self.sign_in()
        self.reader = Reader(self.engine.tools.broker, self.engine.clock, ACCOUNT)
        self.reader.read()

    def sign_in(self) -> None:
        """At the gateway, as an owner does each day, and until it is connected."""
        broker = self.engine.tools.broker
        while broker.ensure_session().status is not SessionStatus.READY:
            self.engine.gateway.control.session("ready")
            self.engine.advance(minutes=1)

    @property
    def trip(self) -> RoundTrip:
        with transaction() as session:
            return session.scalars(select(RoundTrip)).one()

    def wait(self) -> RoundTrip:
        """Until nothing is held any more."""
        began = self.engine.clock.now()
        while self.trip.closed_at is None:
            assert self.engine.clock.now() - began < LONGEST, "Neither stop nor target."
            self.engine.advance(seconds=STEP.total_seconds())
            self.sign_in()
            self.reader.read(days=MOST_DAYS)
            for watch in WATCHES:
                watch.look(self.engine.clock, self.engine.tools.broker)
        return self.trip

    def require_books_to_agree(self, trip: RoundTrip) -> None:
        """Result and costs are the broker's own, to the cent, and nothing is unexplained."""
        books = self.engine.gateway.control.books()
        assert books["positions"] == {trip.symbol: 0}
        assert trip.gross_pnl == -Decimal(books["accounts"]["realised"])
        assert trip.commission == Decimal(books["accounts"]["fees"])
        with transaction() as session:
            assert session.scalars(select(Drift)).all() == []
            kept = set(session.scalars(select(Fill.id)))
        assert kept == {each["execution_id"] for each in books["trades"]}


def orders() -> list[Order]:
    with transaction() as session:
        return list(session.scalars(select(Order).order_by(Order.id)))


@pytest.mark.timeout(300)
def test_the_example_strategy_trades_and_the_journal_tells_what_it_came_to(
    model_engine: Engine, server: OpenAIServer, http: TestClient, api: Api
) -> None:
    server.default = fitting_opinion
    owner = Owner(model_engine)
    execution, _ = model_engine.run(example() | {"mode": "trade"})
    assert execution.outcome is Outcome.ORDERED, execution.reason
    entry, *protection = orders()
    assert (entry.role, {each.role for each in protection[:2]}) == (
        Role.ENTRY,
        {Role.STOP, Role.TARGET},
    )
    assert execution.cost_usd > 0

    trip = owner.wait()
    assert trip.exit_reason in ("stop", "target")
    assert trip.left == trip.entered > 0
    assert trip.gross_pnl is not None
    assert {each.state for each in orders()} == {OrderState.FILLED, OrderState.CANCELLED}
    owner.require_books_to_agree(trip)
    with transaction() as session:
        assert verify(session, model_engine.tools.storage, execution).is_intact
        assert trip.execution_id == execution.id

    row = api.get("/journal", state="closed")["round_trips"][0]
    assert Decimal(row["net_pnl"]) == trip.gross_pnl - trip.commission
    assert Decimal(row["ai_cost_usd"]) == execution.cost_usd
    assert Decimal(row["net_of_ai"]) == Decimal(row["net_pnl"]) - execution.cost_usd
    assert (Decimal(row["net_r"]) > 0) == (Decimal(row["net_pnl"]) > 0)
    assert (row["kind"], row["exit_reason"]) == ("simulated", trip.exit_reason)
    assert Decimal(row["mae_r"]) >= 0
    # Weeks have passed: the session of the browser is over.
    http.cookies.set(*sign_in(model_engine.clock).cookie)
    html = text_of(http.get("/journal"))
    for said in (f"{trip.commission:,.2f}", f"{execution.cost_usd:.4f}", "simulated"):
        assert said in html
    assert f"{Decimal(row['net_pnl']):,.2f}" in text_of(http.get(f"/strategies/{trip.strategy_id}"))
    assert f'href="/executions/{execution.id}"' in text_of(http.get(f"/journal/{trip.id}"))
