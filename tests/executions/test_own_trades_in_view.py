"""A decision knows what its own strategy holds, and orders nothing while the books differ."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.papergateway.account import ACCOUNT
from backend.portfolio.books.models import Drift
from backend.portfolio.orders import reserving
from backend.portfolio.orders.models import Order, Role
from backend.trading.order_state import OrderState
from backend.workflow.outcome import Ends
from backend.workflow.steps.base import ArtifactRef
from tests.support import trades
from tests.support.live_engine import FRIDAY, Engine, definition, read


def open_trade(strategy_id: int) -> None:
    with transaction() as session:
        trip = trades.round_trip(
            session,
            account=ACCOUNT,
            strategy_id=strategy_id,
            entered=Decimal(100),
            entry_price=Decimal("200.5"),
            opened_at=FRIDAY,
            best_price=Decimal(230),
            worst_price=Decimal(199),
        )
        stop: Order = trades.order(session, trip, Role.STOP, account=ACCOUNT)
        stop.state = OrderState.HELD


def drifted() -> None:
    with transaction() as session:
        row = Drift(account=ACCOUNT, conid=8314, symbol="IBM", ours=Decimal(0), brokers=Decimal(5))
        row.seen_at = row.confirmed_at = FRIDAY
        session.add(row)


def run(engine: Engine, document: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    strategy = engine.save(document)
    open_trade(strategy.id)
    execution_id = engine.start(strategy)[0]
    engine.executor.run(execution_id)
    execution, records = read(execution_id)
    return execution, {record.step: record for record in records}


def test_its_own_trade_and_orders_are_among_the_facts(engine: Engine) -> None:
    _, steps = run(engine, definition())
    (trade,) = steps["snapshot_account"].output["own_books"]["trades"]
    assert [trade["side"], trade["held"], trade["entry_price"]] == [
        *("BUY", "100.00000000", "200.50000000")
    ]
    assert [order["role"] for order in trade["orders"]] == ["stop"]


def test_another_strategys_trade_is_not_its_own(engine: Engine) -> None:
    open_trade(strategy_id=99)
    _, records = engine.run()
    found = next(each for each in records if each.step == "snapshot_account").output
    assert found is not None
    assert found["own_books"]["trades"] == []


def test_the_analyst_is_asked_with_the_trade_in_view(engine: Engine) -> None:
    document = definition(signal={"source": "view"})
    _, steps = run(engine, document)
    (talk,) = steps["analyze_charts"].output["conversations"]
    prompt = engine.tools.load_json(ArtifactRef.model_validate(talk["text"]))["prompt"]
    assert "This strategy's open trade: long, 100 of 100 planned, entered at 200.5" in prompt
    assert "- stop order: SELL 100 STP, stop 190, held" in prompt


def test_the_page_of_the_execution_shows_the_trade(http: TestClient, engine: Engine) -> None:
    execution, _ = run(engine, definition())
    assert "This strategy's open trade: long" in http.get(f"/executions/{execution.id}").text


@pytest.mark.parametrize(("mode", "reason"), [("trade", "unexplained_drift"), ("observe", None)])
def test_unexplained_drift_blocks_what_would_order(
    engine: Engine, mode: str, reason: str | None
) -> None:
    drifted()
    execution, records = engine.run(definition(mode=mode))
    assert (execution.reason_code == "unexplained_drift") is (reason is not None)
    found = next(each for each in records if each.step == "snapshot_account")
    assert found.output is not None
    assert found.output["own_books"]["drifts"][0]["symbol"] == "IBM"
    if reason is not None:
        assert execution.outcome == "blocked"
        assert "The broker holds 5 IBM, our books say 0." in (execution.reason or "")


def test_a_drift_that_comes_up_meanwhile_stops_the_reservation(engine: Engine) -> None:
    drifted()

    # It is refused before anything else of the trade is looked at.
    wanted: Any = SimpleNamespace(account=ACCOUNT)
    judged: Any = None
    with pytest.raises(Ends) as ended:
        reserving.reserve(engine.clock, wanted, judged, judged)
    assert ended.value.code == "unexplained_drift"
