"""Which live accounts orders may go to: a setting, and a person's typed confirmation."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.brokers.base import Account
from backend.core.clock import Clock
from backend.core.errors import Conflict, InvalidInput, NotFound
from backend.core.settings import settings
from backend.portfolio.models import LiveConfirmation
from backend.web import audit


def words(account: str) -> str:
    """What a person has to type."""
    return f"trade real money in {account}"


def is_named(account: str) -> bool:
    return account in settings().live_trading_accounts


def in_force(session: Session, account: str) -> LiveConfirmation | None:
    return session.scalar(
        select(LiveConfirmation).where(
            LiveConfirmation.account == account, LiveConfirmation.withdrawn_at.is_(None)
        )
    )


def history(session: Session, account: str) -> Sequence[LiveConfirmation]:
    """Every confirmation that there was, the newest first."""
    rows = select(LiveConfirmation).where(LiveConfirmation.account == account)
    return session.scalars(rows.order_by(LiveConfirmation.id.desc()).limit(20)).all()


def why_not(session: Session, account: str) -> str | None:
    """Why no order of a live account may go out; None where both say yes."""
    if not is_named(account):
        return (
            f"{account} is a live account that LIVE_TRADING_ACCOUNTS does not name: no order goes"
            " out. Log in to the gateway with a paper user, or see the page Going live."
        )
    if in_force(session, account) is None:
        return (
            f"Nobody has confirmed that orders may move real money in {account}: no order goes out."
            " Do so on the page Going live."
        )
    return None


def confirm(
    session: Session,
    clock: Clock,
    *,
    account: Account,
    typed: str,
    missing: Sequence[str],
    actor: str,
) -> LiveConfirmation:
    """
    From now on orders may go to this account, which is as the gateway has just reported it.

    `missing` names what the checklist still wants. Raises `InvalidInput` for anything that keeps
    it from counting, and `Conflict` where it is confirmed already.
    """
    _require(account, typed, missing)
    row = LiveConfirmation(
        account=account.id, confirmed_at=clock.now(), confirmed_by=actor, typed=typed.strip()
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise Conflict(f"{account.id} is confirmed already.", code="confirmed_already") from None
    audit.record(
        session,
        clock,
        actor=actor,
        action="live.confirmed",
        subject=f"account {account.id}",
        after={"typed": row.typed},
    )
    return row


def _require(account: Account, typed: str, missing: Sequence[str]) -> None:
    if account.is_paper:
        raise InvalidInput(
            f"The gateway reports {account.id} as a paper account: it needs no confirmation.",
            field="account",
        )
    if not is_named(account.id):
        raise InvalidInput(
            f"Name {account.id} in LIVE_TRADING_ACCOUNTS and start Glassbox again first.",
            field="account",
        )
    if missing:
        raise InvalidInput(
            f"The checklist still wants: {', '.join(missing)}.", code="checklist", field="account"
        )
    if typed.strip().lower() != words(account.id).lower():
        raise InvalidInput(f"Type {words(account.id)!r} to confirm.", field="confirmation")


def withdraw(session: Session, clock: Clock, *, account: str, actor: str) -> LiveConfirmation:
    """No order goes to this account any more. Raises `NotFound` where nothing is confirmed."""
    confirmed = session.scalar(
        select(LiveConfirmation)
        .where(LiveConfirmation.account == account, LiveConfirmation.withdrawn_at.is_(None))
        .with_for_update()
    )
    if confirmed is None:
        raise NotFound(f"Nothing is confirmed for {account}.")
    confirmed.withdrawn_at, confirmed.withdrawn_by = clock.now(), actor
    audit.record(
        session,
        clock,
        actor=actor,
        action="live.withdrawn",
        subject=f"account {account}",
        before={"confirmed_at": confirmed.confirmed_at, "confirmed_by": confirmed.confirmed_by},
    )
    return confirmed
