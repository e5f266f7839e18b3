"""How far the market has gone since a person was asked."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from backend.brokers.base import Broker, Quote
from backend.core.clock import Clock
from backend.core.errors import OutsideError
from backend.trading.signal import Action
from backend.workflow.asking import ApprovalRequest


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Prices are those at which the order would trade: the ask of a buyer, the bid of a seller."""

    side: Action
    at: datetime
    before: Decimal
    now: Decimal | None
    stop: Decimal
    is_delayed: bool = False
    is_halted: bool = False
    trouble: str = ""
    """Why there is no price."""

    @property
    def fraction(self) -> Decimal | None:
        """Of the price before; above zero is up."""
        return None if self.now is None else (self.now - self.before) / self.before

    @property
    def is_worse(self) -> bool:
        """Against whoever enters now instead of then."""
        if self.now is None:
            return False
        return self.now > self.before if self.side is Action.BUY else self.now < self.before

    @property
    def is_past_stop(self) -> bool:
        """The trade would be lost before it begins."""
        if self.now is None:
            return False
        return self.now <= self.stop if self.side is Action.BUY else self.now >= self.stop

    @property
    def share_of_risk(self) -> Decimal | None:
        """How much of the way to the stop it went; below zero is away from it."""
        reach = abs(self.before - self.stop)
        if self.now is None or not reach:
            return None
        way = self.before - self.now if self.side is Action.BUY else self.now - self.before
        return way / reach

    def for_audit(self) -> dict[str, Any]:
        return {
            "price_when_asked": str(self.before),
            "price_when_answered": None if self.now is None else str(self.now),
        }


def look(broker: Broker, clock: Clock, request: ApprovalRequest) -> Drift:
    """Ask for a quote; one that does not come is told as trouble, and decides nothing."""
    plan = request.order_plan
    before = _price(request.quote, plan.side) or plan.entry
    known = Drift(side=plan.side, at=clock.now(), before=before, now=None, stop=plan.stop)
    try:
        quote = broker.quote(plan.conid)
    except OutsideError as error:
        return replace(known, trouble=error.message)
    price = _price(quote, plan.side)
    return replace(
        known,
        now=price,
        is_delayed=quote.is_delayed,
        is_halted=quote.is_halted,
        trouble="" if price is not None else "The broker quotes no price just now.",
    )


def _price(quote: Quote | None, side: Action) -> Decimal | None:
    if quote is None:
        return None
    return (quote.ask if side is Action.BUY else quote.bid) or quote.last
