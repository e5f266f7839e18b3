"""What keeps an order in, or ends it at the broker: each with its reason, and nothing half-done."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from backend.core.database import transaction
from backend.executions import waiting
from backend.executions.executor import StrategyExecutor
from backend.executions.models import Execution, Status
from backend.papergateway.faults import FaultKind
from backend.portfolio import approvals, halts, limits
from backend.portfolio.orders.desk import DatabaseDesk
from backend.portfolio.orders.models import Order, OrderQuestion, RoundTrip
from backend.trading.order_state import FINAL, OrderState
from backend.workflow.asking import ApprovalState
from backend.workflow.outcome import Outcome
from tests.support.live_engine import Engine, definition, read

TRADE: dict[str, Any] = {
    "mode": "trade",
    "signal__targets": [2],
    "risk__max_quantity": 100,
    "orders__order_type": "MKT",
}
ORDERS, REPLY = "iserver/account/*/orders", "iserver/reply/*"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, set_env: Callable[..., None]) -> Path:
    set_env(GLASSBOX_HOME=str(tmp_path))
    return tmp_path


def run(engine: Engine, **changes: Any) -> Execution:
    return engine.run(definition(**TRADE | changes))[0]


def fault(engine: Engine, kind: FaultKind, path: str = ORDERS, **rest: Any) -> None:
    rest = {"times": 1, "method": "POST"} | rest
    engine.gateway.control.add_fault(kind=kind.value, path=path, **rest)


def ending(execution: Execution) -> tuple[Outcome | None, str | None]:
    return execution.outcome, execution.reason_code


def orders() -> list[Order]:
    with transaction() as session:
        return list(session.scalars(select(Order).order_by(Order.id)))


def trips() -> list[RoundTrip]:
    with transaction() as session:
        return list(session.scalars(select(RoundTrip).order_by(RoundTrip.id)))


def working(engine: Engine) -> list[dict[str, Any]]:
    done = ("Filled", "Cancelled", "Inactive")
    return [each for each in engine.gateway.control.books()["orders"] if each["status"] not in done]


def positions(engine: Engine) -> dict[str, int]:
    held: dict[str, int] = engine.gateway.control.books()["positions"]
    return {symbol: shares for symbol, shares in held.items() if shares}


def assert_nothing_lives(engine: Engine) -> None:
    assert working(engine) == []
    assert positions(engine) == {}
    assert all(order.state in FINAL for order in orders())
    assert all(trip.closed_at is not None for trip in trips())


# --- before anything is kept ---------------------------------------------------------------------


def meanwhile(engine: Engine, happens: Callable[[], object]) -> Engine:
    """Something happens after the decision and before the order."""

    class Meanwhile(DatabaseDesk):
        def is_begun(self, execution_id: int) -> bool:
            happens()
            return super().is_begun(execution_id)

    sleep = engine.gateway.control.advance
    return engine.with_tools(desk=Meanwhile(engine.tools.broker, engine.clock, sleep=sleep))


def test_a_kill_switch_that_is_pulled_after_the_decision_keeps_the_order_in(
    engine: Engine,
) -> None:
    execution = run(meanwhile(engine, lambda: pull(engine)))
    assert ending(execution) == (Outcome.SKIPPED, "halted")
    assert orders() == []


def pull(engine: Engine) -> None:
    with transaction() as session:
        halts.pull(session, engine.clock, scope="all", reason="odd fills", actor="person:ann")


def test_a_signal_whose_time_is_over_sends_nothing(engine: Engine) -> None:
    execution = run(
        meanwhile(engine, lambda: engine.advance(minutes=6)), signal__expires_after_minutes=5
    )
    assert ending(execution) == (Outcome.SKIPPED, "signal_expired")
    assert "signal.expires_after_minutes" in (execution.reason or "")
    assert orders() == []


def test_a_day_order_is_for_the_hours_of_the_exchange(engine: Engine) -> None:
    execution = run(meanwhile(engine, lambda: engine.advance(minutes=31)))
    assert ending(execution) == (Outcome.SKIPPED, "market_closed")
    assert "orders.tif to GTC or OPG" in (execution.reason or "")


@pytest.mark.parametrize(
    "orders_", [{"tif": "GTC"}, {"tif": "OPG"}, {"order_type": "LMT", "outside_rth": True}]
)
def test_an_order_that_may_wait_goes_out_while_the_exchange_is_closed(
    engine: Engine, orders_: dict[str, Any]
) -> None:
    changes = {f"orders__{name}": value for name, value in orders_.items()}
    allow = {"orders__allow_questions": ["o163"]}
    execution = run(
        meanwhile(engine, lambda: engine.advance(minutes=31)),
        signal__expires_after_minutes=600,
        **changes,
        **allow,
    )
    assert execution.outcome is Outcome.ORDERED, execution.reason
    assert len(working(engine)) in (2, 3)


def test_a_quote_that_has_run_away_keeps_the_order_in(engine: Engine) -> None:
    execution = run(
        meanwhile(engine, lambda: engine.advance(minutes=31)),
        signal__expires_after_minutes=6000,
        orders__tif="GTC",
        risk__max_price_drift=0.02,
    )
    assert ending(execution) == (Outcome.BLOCKED, "max_price_drift")
    assert orders() == []


# --- at the broker -------------------------------------------------------------------------------


def test_no_funds_are_told_in_the_brokers_words(engine: Engine) -> None:
    fault(engine, FaultKind.ORDER_REFUSED, text="Insufficient funds for this order.")
    execution = run(engine)
    assert ending(execution) == (Outcome.BLOCKED, "refused_by_broker")
    assert "Insufficient funds" in (execution.reason or "")
    assert_nothing_lives(engine)


def test_an_order_that_the_broker_ends_after_taking_it_is_no_order(engine: Engine) -> None:
    fault(engine, FaultKind.ORDER_REFUSED_LATER, text="No trading permission.")
    execution = run(engine)
    assert execution.outcome is Outcome.BLOCKED, execution.reason
    assert "No trading permission." in (execution.reason or "")
    assert_nothing_lives(engine)


def test_an_unknown_question_is_answered_no(engine: Engine) -> None:
    fault(engine, FaultKind.UNKNOWN_QUESTION, after=1, message_id="o99999", text="Is it full moon?")
    execution = run(engine)
    assert ending(execution) == (Outcome.BLOCKED, "question_refused")
    assert "Is it full moon?" in (execution.reason or "")
    assert "orders.allow_questions" in (execution.reason or "")
    with transaction() as session:
        asked = session.scalars(select(OrderQuestion).order_by(OrderQuestion.id.desc())).first()
    assert asked is not None
    assert (asked.answer, asked.answered_by) == ("no", "policy: o99999 is not allowed")
    assert_nothing_lives(engine)


def test_a_strategy_may_allow_a_question(engine: Engine) -> None:
    fault(engine, FaultKind.UNKNOWN_QUESTION, after=1, message_id="o99999")
    execution = run(engine, orders__allow_questions=["o99999"])
    assert execution.outcome is Outcome.ORDERED, execution.reason
    with transaction() as session:
        asked = session.scalars(select(OrderQuestion).order_by(OrderQuestion.id)).first()
    assert asked is not None
    assert (asked.answer, asked.answered_by) == ("yes", "policy: the strategy allows it")


def test_a_prompt_without_an_id_is_answered_no(engine: Engine) -> None:
    fault(engine, FaultKind.PROMPT, path="*")
    execution = run(engine)
    assert ending(execution) == (Outcome.BLOCKED, "question_refused")
    assert_nothing_lives(engine)


def test_a_large_order_needs_its_strategys_leave(engine: Engine) -> None:
    execution = run(engine, risk__max_quantity=300)
    assert ending(execution) == (Outcome.BLOCKED, "question_refused")
    assert "o451" in (execution.reason or "")
    assert_nothing_lives(engine)


def test_a_kill_switch_between_two_questions_answers_no(engine: Engine) -> None:
    real = engine.tools.broker
    replies = []

    class Pulling:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def reply(self, *args: Any, **kwargs: Any) -> Any:
            replies.append(kwargs["is_confirmed"])
            if len(replies) == 1:
                pull(engine)
            return real.reply(*args, **kwargs)

    sleep = engine.gateway.control.advance
    broker: Any = Pulling()
    desk = DatabaseDesk(broker, engine.clock, sleep=sleep)
    execution = run(engine.with_tools(broker=broker, desk=desk))
    assert ending(execution) == (Outcome.SKIPPED, "halted")
    assert replies == [True, False]
    assert_nothing_lives(engine)


def test_a_stop_that_is_refused_takes_an_unfilled_entry_with_it(engine: Engine) -> None:
    fault(engine, FaultKind.CHILD_REFUSED, text="Stop orders are not allowed here.")
    # An entry far below the market, which cannot fill meanwhile.
    execution = run(engine, orders__order_type="LMT", orders__tif="OPG")
    assert ending(execution) == (Outcome.FAILED, "bracket_broken")
    assert "cancelled unfilled" in (execution.reason or "")
    assert_nothing_lives(engine)


@pytest.mark.parametrize("kind", [FaultKind.CHILD_REFUSED, FaultKind.CHILD_CANCELLED])
def test_an_entry_that_filled_without_its_stop_gets_a_new_one(
    engine: Engine, kind: FaultKind
) -> None:
    fault(engine, kind, text="Stop orders are not allowed here.")
    execution = run(engine)
    assert execution.outcome is Outcome.ORDERED, execution.reason
    [stop] = working(engine)
    assert (stop["orderType"], stop["totalSize"]) == ("Stop", 100.0)
    assert positions(engine) == {"AAPL": 100}
    [trip] = trips()
    assert "took its place" in trip.document["troubles"][0]


def test_children_that_nobody_was_told_of_do_not_stay_in_doubt(engine: Engine) -> None:
    fault(engine, FaultKind.STALE_REPLY_LIVE, REPLY)
    fault(engine, FaultKind.CHILD_REFUSED, text="Stop orders are not allowed here.")
    execution = run(engine)
    assert execution.outcome is Outcome.ORDERED, execution.reason
    assert [stop["orderType"] for stop in working(engine)] == ["Stop"]
    entry, stop, target, new_stop = orders()
    assert (entry.state, new_stop.state) == (OrderState.FILLED, OrderState.HELD)
    # Not found beside their entry: looked for no more, and watched for.
    assert {stop.state, target.state} == {OrderState.LOST}
    assert "stops over 100 shares" in (execution.reason or "")


def test_shares_that_nobody_protects_are_given_up_at_the_market(engine: Engine) -> None:
    fault(engine, FaultKind.CHILD_REFUSED, text="Stop orders are not allowed here.")
    fault(engine, FaultKind.ORDER_REFUSED, after=1, text="Stop orders are not allowed here.")
    run(engine)
    assert positions(engine) == {}
    assert working(engine) == []
    assert trips()[0].closed_at is not None


def test_a_gateway_that_restarts_over_its_questions_loses_no_order(engine: Engine) -> None:
    real = engine.tools.broker
    replies = []

    class Restarting:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def reply(self, *args: Any, **kwargs: Any) -> Any:
            replies.append(1)
            if len(replies) == 1:
                engine.gateway.control.restart()
            return real.reply(*args, **kwargs)

    sleep = engine.gateway.control.advance
    broker: Any = Restarting()
    desk = DatabaseDesk(broker, engine.clock, sleep=sleep)
    execution = run(engine.with_tools(broker=broker, desk=desk))
    assert execution.outcome is Outcome.ORDERED, execution.reason
    assert positions(engine) == {"AAPL": 100}
    assert len(working(engine)) == 2


# --- limits that two want ------------------------------------------------------------------------


def test_of_two_that_would_pass_a_limit_together_one_goes_out(engine: Engine) -> None:
    account = next(each.id for each in engine.tools.broker.accounts() if each.is_selected)
    with transaction() as session:
        limits.save(
            session,
            engine.clock,
            account=account,
            limits=limits.checked({"max_gross_exposure": 80_000}),
            actor="person:ann",
        )
    ids = [
        engine.start(engine.save(definition(**TRADE | {"name": name})))[0] for name in ("A", "B")
    ]
    both = threading.Barrier(2)

    class AtOnce(DatabaseDesk):
        def reserve(self, *args: Any) -> Any:
            both.wait(timeout=30)
            return super().reserve(*args)

    desk = AtOnce(engine.tools.broker, engine.clock, sleep=engine.gateway.control.advance)
    executor = StrategyExecutor(replace(engine.tools, desk=desk))
    threads = [threading.Thread(target=executor.run, args=(each,)) for each in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended = sorted((read(each)[0] for each in ids), key=lambda each: each.outcome or "")
    assert ending(ended[0]) == (Outcome.BLOCKED, "max_gross_exposure")
    assert ended[1].outcome is Outcome.ORDERED, ended[1].reason
    assert positions(engine) == {"AAPL": 100}


# --- people and sessions -------------------------------------------------------------------------


def answer(engine: Engine, execution_id: int, state: ApprovalState) -> None:
    with transaction() as session:
        [row] = approvals.waiting(session, engine.clock.now())
        approvals.decide(session, engine.clock, row.id, answer=state, actor="person:ann")
        waiting.wake(session, engine.clock, execution_id)


def test_in_mode_approve_nothing_is_kept_or_sent_before_a_yes(engine: Engine) -> None:
    execution_id = engine.start(engine.save(definition(**TRADE | {"mode": "approve"})))[0]
    assert engine.executor.run(execution_id) is None
    assert read(execution_id)[0].status is Status.WAITING
    assert orders() == []
    assert working(engine) == []
    engine.advance(minutes=2)
    answer(engine, execution_id, ApprovalState.APPROVED)
    engine.executor.run(execution_id)
    execution, records = read(execution_id)
    assert execution.outcome is Outcome.ORDERED, execution.reason
    placed = next(each for each in records[::-1] if each.step == "place_orders")
    assert (placed.output or {})["approval"]["decided_by"] == "person:ann"
    assert positions(engine) == {"AAPL": 100}


def test_a_no_ends_it_without_an_order(engine: Engine) -> None:
    execution_id = engine.start(engine.save(definition(**TRADE | {"mode": "approve"})))[0]
    engine.executor.run(execution_id)
    answer(engine, execution_id, ApprovalState.REJECTED)
    engine.executor.run(execution_id)
    assert ending(read(execution_id)[0]) == (Outcome.REJECTED, "rejected")
    assert orders() == []


def test_a_yes_is_held_against_the_limits_of_its_own_moment(engine: Engine) -> None:
    execution_id = engine.start(engine.save(definition(**TRADE | {"mode": "approve"})))[0]
    engine.executor.run(execution_id)
    account = next(each.id for each in engine.tools.broker.accounts() if each.is_selected)
    with transaction() as session:
        strict = limits.checked({"max_order_value": 10_000})
        limits.save(session, engine.clock, account=account, limits=strict, actor="person:ann")
    answer(engine, execution_id, ApprovalState.APPROVED)
    engine.executor.run(execution_id)
    execution = read(execution_id)[0]
    assert ending(execution) == (Outcome.BLOCKED, "max_order_value")
    assert "planned when more fitted" in (execution.reason or "")
    assert orders() == []


def test_a_limit_of_our_own_answers_the_brokers_about_size(engine: Engine) -> None:
    execution = run(engine, risk__max_quantity=300, risk__max_order_value=200_000)
    assert execution.outcome is Outcome.ORDERED, execution.reason
    assert positions(engine) == {"AAPL": 300}


@pytest.mark.parametrize("event", [FaultKind.COMPETING, FaultKind.SSO_EXPIRED])
def test_without_a_session_it_is_parked_and_nothing_is_sent(
    engine: Engine, event: FaultKind
) -> None:
    def lose() -> None:
        engine.gateway.control.add_fault(kind=event.value, path="*", times=1)

    execution_id = engine.start(engine.save(definition(**TRADE)))[0]
    meanwhile(engine, lose).executor.run(execution_id)
    execution = read(execution_id)[0]
    assert execution.status is Status.PARKED
    assert execution.current_step == "place_orders"
    assert orders() == []
    assert working(engine) == []


def test_an_order_that_cannot_be_found_and_whose_time_is_over_is_given_up(engine: Engine) -> None:
    fault(engine, FaultKind.STALE_REPLY_LOST, path=REPLY)
    # The twenty seconds of looking outlast the signal.
    soon = meanwhile(engine, lambda: engine.advance(seconds=55))
    execution = run(soon, signal__expires_after_minutes=1)
    assert ending(execution) == (Outcome.FAILED, "order_lost")
    assert "It was not sent again: The signal was good until" in (execution.reason or "")
    assert {order.state for order in orders()} == {OrderState.LOST}
    assert working(engine) == []
