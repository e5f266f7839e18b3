"""Letting orders of a live account out: what the gateway says now, and what the checklist wants."""

from backend.brokers.base import Account, Broker, SessionStatus
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.errors import InvalidInput, SessionDown, did_you_mean
from backend.overview import going_live
from backend.portfolio import live_trading
from backend.portfolio.models import LiveConfirmation


def confirm(
    broker: Broker, clock: Clock, account_id: str, typed: str, actor: str
) -> LiveConfirmation:
    """The gateway is asked at this moment what kind of account it is."""
    session_now = broker.session()
    if session_now.status is not SessionStatus.READY:
        raise SessionDown(session_now.detail, code=session_now.status.value)
    account = _reported(broker.accounts(), account_id)
    with transaction() as session:
        return live_trading.confirm(
            session,
            clock,
            account=account,
            typed=typed,
            missing=going_live.missing(session, account.id),
            actor=actor,
        )


def _reported(accounts: tuple[Account, ...], account_id: str) -> Account:
    for account in accounts:
        if account.id == account_id:
            return account
    known = [account.id for account in accounts]
    raise InvalidInput(
        f"The gateway reports no account {account_id!r}; it has {', '.join(known) or 'none'}."
        f"{did_you_mean(account_id, known)}",
        field="account",
    )
