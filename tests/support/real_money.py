"""A gateway that reports its account as live, and everything tried that comes before money."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from sqlalchemy.orm import Session

from backend.brokers.base import Account, AccountSnapshot, Broker
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.notifications.events import Event
from backend.notifications.models import Channel, Delivery, Notification, State
from backend.portfolio import approvals, halts, limits
from backend.portfolio.approvals import DatabaseApprovals
from backend.portfolio.orders.models import RoundTrip
from backend.workflow.asking import ApprovalState
from tests.support.live_engine import Engine
from tests.support.questions import request


class LiveBroker:
    """The broker, but for what the gateway says of the kind of its account."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def accounts(self) -> tuple[Account, ...]:
        return tuple(replace(each, is_paper=False) for each in self._broker.accounts())

    def account_snapshot(self, account: str) -> AccountSnapshot:
        return replace(self._broker.account_snapshot(account), is_paper=False)


def with_real_money(engine: Engine) -> Engine:
    return engine.with_tools(broker=cast(Broker, LiveBroker(engine.tools.broker)))


def account_of(engine: Engine) -> str:
    return next(each.id for each in engine.tools.broker.accounts() if each.is_selected)


def try_everything(engine: Engine, *, but: str = "") -> None:
    """All that the checklist wants, as if people had done it; `but` one of its parts."""
    for name, part in _PARTS.items():
        if name != but:
            with transaction() as session:
                part(session, engine.clock)


def _whole_trade(session: Session, clock: Clock) -> None:
    now = clock.now()
    session.add(
        RoundTrip(
            account="DU1234567",
            strategy_id=1,
            strategy_version=1,
            strategy_name="Always long",
            execution_id=7001,
            is_paper=True,
            is_simulated=True,
            symbol="AAPL",
            conid=265598,
            currency="USD",
            side="BUY",
            quantity=40,
            decision_price=230,
            stop=224,
            document={},
            planned_at=now,
            opened_at=now,
            closed_at=now,
            entry_reason="signal",
            exit_reason="target",
            entered=40,
        )
    )


def _approvals(session: Session, clock: Clock) -> None:
    asked = DatabaseApprovals(clock).ask(request(7002))
    approvals.decide(
        session, clock, asked.approval_id, answer=ApprovalState.REJECTED, actor="person:ann"
    )


def _switch(session: Session, clock: Clock) -> None:
    by = "person:ann"
    halts.pull(session, clock, scope="all", meaning="stop", reason="A rehearsal.", actor=by)
    halts.release(session, clock, scope="all", typed="release everything", actor=by)


def _notifications(session: Session, clock: Clock) -> None:
    now = clock.now()
    channel = Channel(
        name="phone",
        kind="json",
        host="example.org",
        sealed="",
        events=[],
        is_on=True,
        created_at=now,
        created_by="person:ann",
    )
    news = Notification(
        key="test", event=Event.TEST, title="Test", text="", path="/", at=now, mark=""
    )
    session.add_all([channel, news])
    session.flush()
    delivery = Delivery(
        notification_id=news.id, channel_id=channel.id, state=State.SENT, attempts=1, next_at=now
    )
    session.add(delivery)


def _limits(session: Session, clock: Clock) -> None:
    wanted = limits.checked({"max_daily_loss": "500", "max_order_value": "200000"})
    limits.save(session, clock, account="", limits=wanted, actor="person:ann", based_on=None)


_PARTS: dict[str, Callable[[Session, Clock], None]] = {
    "A whole trade": _whole_trade,
    "Approvals tried": _approvals,
    "Kill switch rehearsed": _switch,
    "Notifications tested": _notifications,
    "Limits set": _limits,
}
PARTS = tuple(_PARTS)
