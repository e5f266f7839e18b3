"""What a limit is: a name, its settings, and a function from a proposed order to a verdict."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from backend.core.registry import Registry
from backend.trading.numbers import Settings, exactly, floor_to
from backend.trading.signal import Action


class Proposal(BaseModel):
    """An order that wants to go out, beside the account it would go out for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    side: Literal[Action.BUY, Action.SELL]
    quantity: Decimal = Field(ge=0)
    entry: Decimal = Field(gt=0)
    stop: Decimal
    lot: Decimal = Field(gt=0)
    equity: Decimal
    held: Decimal = Decimal(0)
    """Shares of this instrument already in the account; negative when short."""
    orders_today: int = Field(0, ge=0)
    """Orders already sent on this trading day, this one not among them."""

    def shares_worth(self, money: Decimal) -> Decimal:
        """Whole lots that cost no more than that at the entry."""
        with exactly():
            return money // (self.entry * self.lot) * self.lot


class Verdict(BaseModel):
    """What one limit says. A `clamp` lets a smaller order pass; a `refuse` lets none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    verdict: Literal["pass", "clamp", "refuse"]
    code: str
    """`ok`, or the reason kept in lineage."""
    value: Decimal | None
    """What was measured, in the limit's own unit, before any clamp."""
    limit: Decimal | None
    """None where the strategy sets no such limit."""
    quantity: Decimal
    """How many shares are left after it."""
    sentence: str


S = TypeVar("S", bound=BaseModel)
Check = Callable[[Proposal, S], Verdict]


@dataclass(frozen=True, kw_only=True)
class RiskRule:
    """Rules are asked in ascending `order`; each sees the quantity that the one before it left."""

    name: str
    order: int
    settings: type[BaseModel]
    check: Callable[[Proposal, Any], Verdict]


class NoSettings(Settings):
    """For a rule that cannot be configured, because no order may break it."""


rules: Registry[RiskRule] = Registry("risk rule")


def risk_rule(name: str, *, order: int, settings: type[S]) -> Callable[[Check[S]], Check[S]]:
    """Register a limit. `settings` are its fields in a strategy's `risk`, named after the rule."""

    def keep(check: Check[S]) -> Check[S]:
        rules.register(name)(RiskRule(name=name, order=order, settings=settings, check=check))
        return check

    return keep


def passed(
    rule: str, proposal: Proposal, sentence: str, *, value: Decimal, limit: Decimal | None
) -> Verdict:
    return Verdict(
        rule=rule,
        verdict="pass",
        code="ok",
        value=value,
        limit=limit,
        quantity=proposal.quantity,
        sentence=sentence,
    )


def refused(
    rule: str,
    proposal: Proposal,
    sentence: str,
    *,
    value: Decimal,
    limit: Decimal,
    code: str | None = None,
) -> Verdict:
    return Verdict(
        rule=rule,
        verdict="refuse",
        code=code or rule,
        value=value,
        limit=limit,
        quantity=Decimal(0),
        sentence=sentence,
    )


def at_most(
    rule: str, proposal: Proposal, room: Decimal, measured: str, *, value: Decimal, limit: Decimal
) -> Verdict:
    """
    Let so many shares pass as there is `room` for, down to the lot; refuse when not one lot fits.

    `measured` opens the sentence: "The order is worth 1,200, and 1,000 is allowed".
    """
    if proposal.quantity <= room:
        return passed(rule, proposal, f"{measured}.", value=value, limit=limit)
    allowed = floor_to(max(room, Decimal(0)), proposal.lot)
    if allowed == 0:
        sentence = f"{measured}: not one lot of {proposal.lot:f} fits."
        return refused(rule, proposal, sentence, value=value, limit=limit)
    return Verdict(
        rule=rule,
        verdict="clamp",
        code=rule,
        value=value,
        limit=limit,
        quantity=allowed,
        sentence=f"{measured}: {proposal.quantity:,f} shares became {allowed:,f}.",
    )
