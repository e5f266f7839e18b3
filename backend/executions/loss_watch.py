"""A loss of the day that pulls the kill switch by itself, where somebody has set that it should."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.brokers.base import Account, Broker, SessionStatus
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.errors import Conflict
from backend.core.logging import get_logger
from backend.exchange import calendars
from backend.portfolio import halts, limits
from backend.portfolio.models import HaltRow, Scope
from backend.strategies import service as strategies
from backend.trading.oversight import Meaning
from backend.workflow.steps.preflight import DEFAULT_CALENDAR

logger = get_logger(__name__)

ACTOR = "watch: loss of the day"


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """`account` is the one whose loss counts: empty for any, None for the selected one."""

    scope: Scope
    target: str
    account: str | None
    limit: Decimal
    pulls: Meaning

    def watches(self, account: Account) -> bool:
        if self.account is None:
            return account.is_selected
        return self.account in ("", account.id)


def watch(clock: Clock, broker: Broker) -> int:
    """
    How many switches it pulled. Each trigger pulls once on an exchange's day: who has released
    its switch meanwhile meant it, and the limit itself still refuses new orders.

    Raises what the broker raises.
    """
    with transaction() as session:
        triggers = list(_triggers(session))
    if not triggers or broker.session().status is not SessionStatus.READY:
        return 0
    pulled = 0
    for account in broker.accounts():
        watching = [each for each in triggers if each.watches(account)]
        profit = broker.account_snapshot(account.id).day_pnl if watching else None
        if profit is None:
            continue
        for each in watching:
            pulled += -profit >= each.limit and _pull(clock, each, account.id, -profit)
    return pulled


def _triggers(session: Session) -> Iterator[Trigger]:
    for account in (limits.EVERYTHING, *limits.accounts(session)):
        found = limits.read(session, account)
        if found.daily_loss_pulls is not None and found.max_daily_loss is not None:
            yield Trigger(
                scope="account" if account else "all",
                target=account,
                account=account,
                limit=found.max_daily_loss,
                pulls=found.daily_loss_pulls,
            )
    for strategy in strategies.list_all(session):
        document = strategies.newest(strategy).definition
        risk = document.get("risk", {})
        if risk.get("daily_loss_pulls") and risk.get("max_daily_loss"):
            yield Trigger(
                scope="strategy",
                target=str(strategy.id),
                account=document.get("account") or None,
                limit=Decimal(str(risk["max_daily_loss"])),
                pulls=risk["daily_loss_pulls"],
            )


def _pull(clock: Clock, trigger: Trigger, account: str, loss: Decimal) -> bool:
    reason = (
        f"The loss of the day in {account} is {loss:,.2f}, and"
        f" {halts.name_of(trigger.scope, trigger.target)} is to"
        f" {trigger.pulls} at {trigger.limit:,.2f}."
    )
    with transaction() as session:
        if _has_pulled_today(session, clock, trigger):
            return False
        try:
            halts.pull(
                session,
                clock,
                scope=trigger.scope,
                target=trigger.target,
                meaning=trigger.pulls,
                reason=reason,
                actor=ACTOR,
            )
        except Conflict:
            # It is pulled already, and means as much.
            return False
    logger.warning("loss_pulled_switch", scope=trigger.scope, target=trigger.target, loss=loss)
    return True


def _has_pulled_today(session: Session, clock: Clock, trigger: Trigger) -> bool:
    zone = calendars.calendar(DEFAULT_CALENDAR).zone
    midnight = clock.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    query = select(HaltRow.id).where(
        HaltRow.scope == trigger.scope,
        HaltRow.target == trigger.target,
        HaltRow.by == ACTOR,
        HaltRow.at >= midnight,
    )
    return session.scalar(query.limit(1)) is not None
