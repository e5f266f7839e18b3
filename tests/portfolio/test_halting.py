"""The kill switch at work on the paper gateway: cancelled, closed, verified, and never twice."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from backend.brokers.orders import Ticket
from backend.core import database
from backend.core.database import DatabaseAway, transaction
from backend.notifications.models import Notification
from backend.portfolio import equity, halt_progress, halting, halts
from backend.portfolio.halt_progress import Progress
from backend.portfolio.models import HaltRow
from backend.portfolio.orders.desk import DatabaseDesk
from backend.portfolio.orders.models import Closing, Order, Role, RoundTrip
from backend.strategies import service as strategies
from backend.strategies.models import Strategy
from backend.trading.order_state import OrderState
from tests.support.held_trades import followed, held, orders_of, read_trip, traded, yes_to_all
from tests.support.live_engine import Engine, definition, read

S = OrderState
MSFT = 272093


@pytest.fixture(autouse=True)
def folder(db: str, tmp_path: Path, set_env: Callable[..., None]) -> Path:
    set_env(GLASSBOX_HOME=str(tmp_path))
    return tmp_path


def pull(engine: Engine, meaning: Any, **halt: Any) -> int:
    with transaction() as session:
        usual = {"scope": "all", "reason": "odd fills", "actor": "person:ann", "meaning": meaning}
        row = halts.pull(session, engine.clock, **usual | halt)
        session.flush()
        return row.id


def watch(engine: Engine, times: int = 1) -> None:
    for _ in range(times):
        halting.watch(engine.clock, engine.tools.broker)
        engine.gateway.control.advance(5)


def progress(halt_id: int) -> Progress:
    with transaction() as session:
        [found] = halt_progress.read(session, halt_id)
    return found


def by_hand(engine: Engine, name: str, price: int, side: str = "BUY", conid: int = 265598) -> None:
    """An order of somebody else, who uses the same account."""
    broker = engine.tools.broker
    broker.ensure_session()
    [account] = broker.accounts()
    ticket = Ticket(
        client_order_id=name,
        conid=conid,
        side="BUY" if side == "BUY" else "SELL",
        order_type="LMT",
        quantity=Decimal(10),
        tif="GTC",
        limit_price=Decimal(price),
    )
    yes_to_all(engine, account.id, broker.place(account.id, [ticket]))


def working(engine: Engine) -> set[str]:
    """Names of the orders that still work, as the gateway's own books say."""
    return {
        str(each.get("order_ref"))
        for each in engine.gateway.control.books()["orders"]
        if each["status"] not in ("Cancelled", "Filled", "Inactive")
    }


def flattening() -> list[Order]:
    with transaction() as session:
        return list(session.scalars(select(Order).where(Order.role == Role.FLATTEN)))


def told() -> set[str]:
    with transaction() as session:
        return {each.title.partition(":")[0] for each in session.scalars(select(Notification))}


def test_a_switch_that_only_stops_touches_nothing(engine: Engine) -> None:
    trip = traded(engine)
    halt_id = pull(engine, "stop")
    watch(engine, 2)
    assert orders_of(trip)["stop"].state is S.HELD
    with transaction() as session:
        assert halt_progress.read(session, halt_id) == []


def test_cancelling_leaves_what_protects_and_says_when_the_broker_showed_it(
    engine: Engine,
) -> None:
    held_trip = traded(engine)
    waiting = traded(
        engine, limit=Decimal(50), strategy_id=2, execution_id=2, strategy_name="Waits"
    )
    by_hand(engine, "theirs", 40)
    halt_id = pull(engine, "cancel")
    watch(engine)
    under_way = progress(halt_id)
    assert under_way.work.cancelled
    watch(engine, 2)
    followed(engine)
    assert held(engine) == 100
    assert orders_of(held_trip)["stop"].state is S.HELD
    assert orders_of(held_trip)["target"].state in (S.HELD, S.WORKING)
    assert orders_of(waiting)["entry"].state is S.CANCELLED
    assert read_trip(waiting).exit_reason == "not_filled"
    assert "theirs" not in working(engine)
    done = progress(halt_id)
    assert done.verified_at is not None
    assert all(each.gone_at and each.became for each in done.work.cancelled)
    assert "The kill switch is carried out" in told()
    assert flattening() == []


def test_flattening_cancels_and_closes_everything_with_one_order_each(engine: Engine) -> None:
    long = traded(engine)
    short = traded(engine, side="SELL", strategy_id=2, execution_id=2)
    engine.gateway.control.trade("MSFT", "BUY", 30)
    engine.gateway.control.advance(10)
    by_hand(engine, "theirs", 900, side="SELL", conid=_conid(engine, "MSFT"))
    halt_id = pull(engine, "flatten")
    watch(engine, 8)
    assert working(engine) == set()
    assert (held(engine), held(engine, "MSFT")) == (Decimal(0), Decimal(0))
    for trip in (long, short):
        assert read_trip(trip).exit_reason == "flatten"
    done = progress(halt_id)
    assert done.work.left == ()
    assert done.work.trouble == ()
    assert done.verified_at is not None
    assert len(done.closings) == len(flattening()) == 3
    # Repeated for as long as it is pulled: the check, and never an order.
    before = done.looked_at
    watch(engine, 10)
    assert progress(halt_id).looked_at > before
    assert len(flattening()) == 3


def _conid(engine: Engine, symbol: str) -> int:
    [account] = engine.tools.broker.accounts()
    positions = engine.tools.broker.account_snapshot(account.id).positions
    return next(each.conid for each in positions if each.symbol == symbol)


def test_a_strategy_is_flattened_alone(engine: Engine) -> None:
    mine = traded(engine)
    other = traded(engine, strategy_id=2, execution_id=2)
    by_hand(engine, "theirs", 40)
    halt_id = pull(engine, "flatten", scope="strategy", target="1")
    watch(engine, 5)
    assert read_trip(mine).closed_at is not None
    assert read_trip(other).closed_at is None
    assert orders_of(other)["stop"].state is S.HELD
    assert held(engine) == 100
    assert "theirs" in working(engine)
    assert progress(halt_id).verified_at is not None


def test_an_account_that_it_is_not_for_is_left_alone(engine: Engine) -> None:
    trip = traded(engine)
    pull(engine, "flatten", scope="account", target="DU404")
    watch(engine, 2)
    assert orders_of(trip)["stop"].state is S.HELD


def test_a_position_that_comes_back_is_told_and_not_closed_again(engine: Engine) -> None:
    traded(engine)
    halt_id = pull(engine, "flatten")
    watch(engine, 5)
    assert progress(halt_id).verified_at is not None
    engine.gateway.control.trade("AAPL", "BUY", 20)
    engine.gateway.control.advance(60)
    watch(engine, 5)
    # Nobody of us made this one: it is closed once as well, and then never again.
    assert held(engine) == 0
    engine.gateway.control.trade("AAPL", "BUY", 20)
    engine.gateway.control.advance(60)
    watch(engine, 5)
    assert held(engine) == 20
    now = progress(halt_id)
    assert now.verified_at is None
    assert "A switch closes a position once" in now.work.trouble[0]
    assert len(flattening()) == 2
    assert "The kill switch needs you" in told()


def test_an_exit_that_the_broker_refuses_is_shown_and_its_new_stop_is_left(engine: Engine) -> None:
    trip = traded(engine)
    engine.gateway.control.add_fault(
        "order_refused", "iserver/account/*/orders", method="POST", times=1, text="No."
    )
    halt_id = pull(engine, "flatten")
    watch(engine, 6)
    now = progress(halt_id)
    assert now.verified_at is None
    assert "No." in now.work.trouble[0]
    followed(engine)
    assert orders_of(trip)["stop"].state is S.HELD
    assert len(flattening()) == 1
    assert held(engine) == 100


def test_more_than_it_meant_is_done_at_once(engine: Engine) -> None:
    trip = traded(engine)
    halt_id = pull(engine, "cancel")
    watch(engine, 2)
    assert progress(halt_id).verified_at is not None
    assert pull(engine, "flatten") == halt_id
    watch(engine, 4)
    assert read_trip(trip).exit_reason == "flatten"
    assert progress(halt_id).verified_at is not None


def test_a_released_switch_does_nothing_more(engine: Engine) -> None:
    trip = traded(engine)
    pull(engine, "flatten")
    with transaction() as session:
        halts.release(
            session, engine.clock, scope="all", typed="release everything", actor="person:ann"
        )
    watch(engine, 3)
    assert orders_of(trip)["stop"].state is S.HELD


def test_the_file_flattens_and_its_work_is_on_record(engine: Engine) -> None:
    trip = traded(engine)
    halts.write_file(halts.file(), "odd fills", "flatten")
    watch(engine, 5)
    assert read_trip(trip).exit_reason == "flatten"
    with transaction() as session:
        row = session.scalars(select(HaltRow)).one()
    assert row.by == f"the file {halts.file()}"
    assert progress(row.id).verified_at is not None


def test_without_the_database_the_file_still_cancels_what_opens(
    engine: Engine, set_env: Callable[..., None]
) -> None:
    held_trip = traded(engine)
    traded(engine, limit=Decimal(50), strategy_id=2, execution_id=2)
    by_hand(engine, "theirs", 40)
    before = working(engine)
    halts.write_file(halts.file(), "", "flatten")
    set_env(DATABASE_URL="postgresql+psycopg2://nobody@127.0.0.1:1/none")
    database.engine.cache_clear()
    try:
        with pytest.raises(DatabaseAway):
            halting.watch(engine.clock, engine.tools.broker)
    finally:
        set_env(DATABASE_URL="")
        database.engine.cache_clear()
    engine.gateway.control.advance(5)
    names = {orders_of_name(held_trip, "stop"), orders_of_name(held_trip, "target")}
    assert working(engine) == names
    assert before > names
    assert held(engine) == 100


def orders_of_name(trip: RoundTrip, role: str) -> str:
    return f"gb-test-{trip.id}-{role}"


def test_while_nobody_is_logged_in_it_says_so_and_goes_on_later(
    engine: Engine,
) -> None:
    trip = traded(engine)
    [account] = engine.tools.broker.accounts()
    with transaction() as session:
        snapshot = engine.tools.broker.account_snapshot(account.id)
        equity.record(session, snapshot, is_simulated=True)
    halt_id = pull(engine, "flatten")
    engine.gateway.control.session("logged_out")
    watch(engine)
    assert "use your broker's own app" in progress(halt_id).work.trouble[0]
    engine.gateway.control.session("ready")
    engine.tools.broker.ensure_session()
    watch(engine, 5)
    assert read_trip(trip).exit_reason == "flatten"
    assert progress(halt_id).verified_at is not None
    with transaction() as session:
        assert len(session.scalars(select(Closing)).all()) == 1


def test_a_switch_pulled_while_an_order_goes_out_catches_it_afterwards(engine: Engine) -> None:
    """Between the last look at the switch and the broker there is always a moment."""
    real = engine.tools.broker

    class Unlucky:
        def __getattr__(self, name: str) -> Any:
            if name == "place" and not pulled:
                pulled.append(pull(engine, "flatten"))
            return getattr(real, name)

    pulled: list[int] = []
    broker: Any = Unlucky()
    desk = DatabaseDesk(broker, engine.clock, sleep=engine.gateway.control.advance)
    execution, _ = engine.with_tools(broker=broker, desk=desk).run(definition(mode="trade"))
    assert pulled
    watch(engine, 8)
    assert held(engine) == 0
    assert working(engine) == set()
    assert progress(pulled[0]).verified_at is not None
    # The next one does not come so far.
    [again] = engine.start(_strategy(execution.strategy_id))
    engine.executor.run(again)
    assert read(again)[0].reason_code == "halted"


def _strategy(strategy_id: int) -> Strategy:
    with transaction() as session:
        return strategies.get(session, strategy_id)
