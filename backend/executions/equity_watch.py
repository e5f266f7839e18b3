"""Looks at what every account is worth, and keeps it."""

from datetime import timedelta

from sqlalchemy.orm import Session

from backend.brokers.base import AccountSnapshot, Broker, SessionStatus
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.portfolio import equity, losses
from backend.portfolio.losses import OwnLimits
from backend.strategies import service as strategies
from backend.strategies.definition import StrategyDefinition

EVERY = timedelta(minutes=5)
# Several Beats, or one that is early, should not make the curve denser.
_SOON = EVERY * 0.8


def look(broker: Broker, clock: Clock) -> int:
    """
    How many accounts were looked at; none while the session is down, or too soon after the last.

    Raises what the broker raises.
    """
    session = broker.session()
    if session.status is not SessionStatus.READY:
        return 0
    due = [account.id for account in broker.accounts() if _is_due(account.id, clock)]
    for account in due:
        _keep(broker.account_snapshot(account), clock, is_simulated=session.is_simulated)
    return len(due)


def _is_due(account: str, clock: Clock) -> bool:
    with transaction() as session:
        newest = equity.newest(session, account)
    # A simulated gateway that starts anew may stand before the last look: then look again.
    return newest is None or not timedelta(0) <= clock.now() - newest.at < _SOON


def _keep(snapshot: AccountSnapshot, clock: Clock, *, is_simulated: bool) -> None:
    with transaction() as session:
        row = equity.record(session, snapshot, is_simulated=is_simulated)
        session.flush()
        losses.tell_if_near(session, clock, row, _limits_of_strategies(session))


def _limits_of_strategies(session: Session) -> list[OwnLimits]:
    """Of those that run by themselves."""
    risks = [
        (each.name, StrategyDefinition.stored(strategies.newest(each).definition).risk)
        for each in strategies.list_all(session)
        if each.is_enabled
    ]
    return [OwnLimits(name, risk.max_daily_loss, risk.max_drawdown) for name, risk in risks]
