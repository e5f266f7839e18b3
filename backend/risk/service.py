"""What the risk page, its API and its commands need of executions, strategies and accounts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.core.errors import InvalidInput, NotFound, did_you_mean
from backend.executions.models import Execution, GatewayState
from backend.portfolio import equity, limits
from backend.portfolio.models import Scope
from backend.strategies import service as strategies
from backend.workflow.outcome import Outcome

REFUSALS_OF = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Target:
    """Whose orders a kill switch stops; `name` is the one that people know it by."""

    scope: Scope
    target: str = ""
    name: str = "everything"


def accounts(session: Session) -> list[str]:
    """Every account that was ever seen, or that limits were set for."""
    seen = session.scalars(select(GatewayState.account).distinct())
    named = {*filter(None, seen), *equity.accounts(session), *limits.accounts(session)}
    return sorted(named)


def known_account(session: Session, account: str) -> str:
    """Raises `NotFound`: a switch or a limit for a mistyped account would protect nothing."""
    known = accounts(session)
    if account not in known:
        listed = f" Seen so far: {', '.join(known)}." if known else " None was seen so far."
        raise NotFound(
            f"No account {account!r} was ever seen.{did_you_mean(account, known)}{listed}"
        )
    return account


def target(session: Session, *, account: str | None, strategy: str | None) -> Target:
    """
    Of an account's id, of a strategy's name or number, or of neither for everything.

    Raises `NotFound`, and `InvalidInput` where both are given.
    """
    if account and strategy:
        raise InvalidInput("Name an account or a strategy, not both.", field="account")
    if account:
        found = known_account(session, account)
        return Target(scope="account", target=found, name=f"account {found}")
    if strategy:
        each = strategies.find(session, strategy)
        return Target(scope="strategy", target=str(each.id), name=f"strategy {each.name!r}")
    return Target(scope="all")


@dataclass(frozen=True, kw_only=True)
class Refusal:
    code: str | None
    count: int
    newest: int
    """The id of the newest execution that it ended."""


def refusals(session: Session, now: datetime) -> list[Refusal]:
    """By the reason, of the last 30 days; the most frequent first."""
    blocked = (
        select(Execution.reason_code, func.count(), func.max(Execution.id))
        .where(
            Execution.outcome == Outcome.BLOCKED,
            Execution.created_at >= now - REFUSALS_OF,
            Execution.replay_of.is_(None),
        )
        .group_by(Execution.reason_code)
        .order_by(func.count().desc(), Execution.reason_code)
    )
    return [
        Refusal(code=code, count=count, newest=newest)
        for code, count, newest in session.execute(blocked)
    ]
