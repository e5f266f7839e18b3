"""Tells of losses that come near a limit, and of limits that were reached: once a day each."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.notifications.events import Event
from backend.notifications.service import tell
from backend.portfolio import equity, limits
from backend.portfolio.models import EquitySnapshot

NEAR = Decimal("0.8")
"""Of the limit."""
_DAY_OF = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class OwnLimits:
    """What somebody set for losses: a strategy for itself, or a person above all strategies."""

    whose: str
    max_daily_loss: Decimal | None
    """In the account's currency."""
    max_drawdown: Decimal | None
    """A fraction of the peak."""


def tell_if_near(
    session: Session, clock: Clock, seen: EquitySnapshot, strategies: Iterable[OwnLimits]
) -> None:
    """Hold what was just seen against the strictest of all limits."""
    every = [*_above(session, seen.account), *strategies]
    lost = None if seen.day_pnl is None else max(-seen.day_pnl, Decimal(0))
    daily = [(each.max_daily_loss, each.whose) for each in every if each.max_daily_loss]
    if lost and daily:
        limit, whose = min(daily)
        said = f"The day's loss is {lost:,.2f} {seen.currency}, and {whose} ends at {limit:,.2f}."
        _tell(session, clock, seen.account, "day's loss", lost / limit, said)
    history = equity.history(session, seen.account, clock.now())
    falls = [(each.max_drawdown, each.whose) for each in every if each.max_drawdown]
    if history is not None and falls and history.peak > 0:
        limit, whose = min(falls)
        fall = max(history.peak - seen.equity, Decimal(0)) / history.peak
        said = (
            f"The equity of {seen.equity:,.2f} {seen.currency} is {fall:.2%} below its peak, and"
            f" {whose} ends at {limit:.2%}."
        )
        _tell(session, clock, seen.account, "drawdown", fall / limit, said)


def _above(session: Session, account: str) -> Iterable[OwnLimits]:
    for whose, found in (
        ("everything", limits.read(session, limits.EVERYTHING)),
        (f"account {account}", limits.read(session, account)),
    ):
        yield OwnLimits(whose, found.max_daily_loss, found.max_drawdown)


def _tell(
    session: Session, clock: Clock, account: str, what: str, share: Decimal, said: str
) -> None:
    """`share` is how much of the limit is used."""
    if share < NEAR:
        return
    is_over = share >= 1
    day = clock.now().astimezone(_DAY_OF).date()
    how = "reached its limit" if is_over else f"is at {share:.0%} of its limit"
    tell(
        session,
        clock,
        event=Event.LOSS_NEAR_LIMIT,
        key=f"{what} {account} {'over' if is_over else 'near'} {day}",
        title=f"The {what} of {account} {how}",
        text=f"{said} {'No new order is let out.' if is_over else ''}",
        path="/risk",
    )
