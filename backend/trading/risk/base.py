"""What a limit is: a name, its settings, and a function from a proposed order to a verdict."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from backend.core.registry import Registry
from backend.trading.numbers import Settings, floor_to
from backend.trading.risk.proposal import Level, Proposal


class Verdict(BaseModel):
    """
    What one limit says. A `clamp` lets a smaller order pass; a `refuse` lets none; `unknown` lets
    it pass although what the limit asks for is not known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    verdict: Literal["pass", "clamp", "refuse", "unknown"]
    code: str
    """`ok`, or the reason kept in lineage."""
    value: Decimal | None
    """What was measured, in the limit's own unit, before any clamp."""
    limit: Decimal | None
    """None where no such limit is set, or where it is no number."""
    quantity: Decimal
    """How many shares are left after it."""
    sentence: str
    level: Level | None = None
    """Who set the limit that decided; None where nobody did."""


S = TypeVar("S", bound=BaseModel)
Check = Callable[[Proposal, S], Verdict]


@dataclass(frozen=True, kw_only=True)
class RiskRule:
    """Rules are asked in ascending `order`; each sees the quantity that the one before it left."""

    name: str
    order: int
    settings: type[BaseModel]
    check: Callable[[Proposal, Any], Verdict]

    def is_set(self, limits: BaseModel) -> bool:
        """Whether these settings ask for anything of this rule."""
        return any(getattr(limits, name) not in _UNSET for name in self._fields)

    @cached_property
    def _fields(self) -> tuple[str, ...]:
        return tuple(self.settings.model_fields)


_UNSET = (None, False, ())


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
    rule: str,
    proposal: Proposal,
    sentence: str,
    *,
    value: Decimal | None = None,
    limit: Decimal | None = None,
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
    value: Decimal | None = None,
    limit: Decimal | None = None,
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


def unknown(rule: str, proposal: Proposal, sentence: str, *, limit: Decimal) -> Verdict:
    """For a limit that guards no money: the order passes, and the record says what is missing."""
    verdict = passed(rule, proposal, sentence, limit=limit)
    return verdict.model_copy(update={"verdict": "unknown", "code": f"{rule}_unknown"})


def refused_unknown(rule: str, proposal: Proposal, sentence: str, *, limit: Decimal) -> Verdict:
    """A limit on money that cannot be measured lets nothing pass."""
    return refused(rule, proposal, sentence, limit=limit, code=f"{rule}_unknown")


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
