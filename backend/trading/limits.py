"""All limits together: what a strategy, an account and everything may set, and the check of one
order against all of it."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from backend.trading.numbers import Settings
from backend.trading.risk import Level, Proposal, RiskRule, Verdict, rules
from backend.trading.sizing import SizingSettings

LEVELS: tuple[Level, ...] = get_args(Level)


@cache
def in_order() -> tuple[RiskRule, ...]:
    """The limits, in the order in which they are asked and shown."""
    return tuple(
        sorted((rules.get(name) for name in rules), key=lambda rule: (rule.order, rule.name))
    )


def _annotated(info: FieldInfo) -> Any:
    # Annotated wants something to be said.
    return Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation


def _optional_fields() -> dict[str, Any]:
    """Every field of every limit, with its bounds, and None for "not set here"."""
    return {
        name: (
            _annotated(info) | None,
            Field(None, description=info.description),
        )
        for rule in in_order()
        for name, info in rule.settings.model_fields.items()
    }


if TYPE_CHECKING:
    from backend.trading.oversight import Meaning

    # Of the limits' fields, those that are read by their names beside the limit's own file.

    class RiskSettings(SizingSettings):
        no_repeat_minutes: int | None = None
        max_daily_loss: Decimal | None = None
        daily_loss_pulls: Meaning | None = None
        max_drawdown: Decimal | None = None

    class Limits(Settings):
        no_repeat_minutes: int | None = None
        max_daily_loss: Decimal | None = None
        daily_loss_pulls: Meaning | None = None
        max_drawdown: Decimal | None = None
else:
    # Composed, so that a new limit is one new file and its settings appear here by themselves.
    RiskSettings = create_model(
        "RiskSettings",
        __base__=(SizingSettings, *dict.fromkeys(rule.settings for rule in in_order())),
        __module__=__name__,
        __doc__="How large a trade may be: `risk_per_trade`, `lot`, and the fields of each limit.",
    )
    Limits = create_model(
        "Limits",
        __base__=Settings,
        __module__=__name__,
        __doc__="Any of the limits, for an account or for everything; none is set by itself.",
        **_optional_fields(),
    )


class LimitsInForce(BaseModel):
    """What people set above the strategies, as an execution met it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: Limits = Limits()
    everything: Limits = Limits()

    def by_level(self) -> dict[Level, Limits]:
        return {"account": self.account, "global": self.everything}


class RiskReport(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    proposed: Decimal
    """The quantity that was asked for."""
    quantity: Decimal
    """The quantity that may go out; zero when refused."""
    is_refused: bool
    reason_code: str
    """Of the first limit that refused; else of the last that clamped; else `ok`."""
    sentence: str
    verdicts: tuple[Verdict, ...]
    """One per limit, in a fixed order, also of those after a refusal."""


def check_all(
    proposal: Proposal, settings: RiskSettings, above: LimitsInForce | None = None
) -> RiskReport:
    """
    Ask every limit at each level that sets it, each about the quantity that those before it left.

    The strictest level's verdict counts, so no level can loosen what another one sets.
    """
    levels: dict[Level, BaseModel] = {"strategy": settings}
    if above is not None:
        levels |= above.by_level()
    verdicts: list[Verdict] = []
    asked = {level: proposal.model_copy(update={"level": level}) for level in levels}
    left = proposal.quantity
    for rule in in_order():
        verdict = _verdict(rule, asked, levels)
        verdicts.append(verdict)
        # After a refusal the others are still asked, about the order as it was: all that is
        # wrong shows at once.
        if verdict.verdict == "clamp":
            left = verdict.quantity
            asked = {
                level: each.model_copy(update={"quantity": left}) for level, each in asked.items()
            }
    return _report(proposal, left, verdicts)


def strictest(verdicts: Mapping[Level, Verdict]) -> tuple[Level, Verdict]:
    """
    The one that leaves least; of several that leave the same, the one nearest to its limit.

    Never empty, and all of one rule.
    """
    return min(verdicts.items(), key=lambda each: _strictness(each[1]))


def _strictness(verdict: Verdict) -> tuple[bool, Decimal, bool, Decimal]:
    distance = Decimal("Infinity")
    if verdict.value is not None and verdict.limit is not None:
        distance = abs(verdict.limit - verdict.value)
    is_lenient = verdict.verdict != "refuse"
    return is_lenient, verdict.quantity, verdict.verdict == "pass", distance


def _verdict(
    rule: RiskRule, asked: Mapping[Level, Proposal], levels: Mapping[Level, BaseModel]
) -> Verdict:
    setting = [level for level, limits in levels.items() if rule.is_set(limits)]
    if not setting:
        return rule.check(asked["strategy"], levels["strategy"])
    level, verdict = strictest(
        {level: rule.check(asked[level], levels[level]) for level in setting}
    )
    return verdict.model_copy(update={"level": level})


def _report(proposal: Proposal, left: Decimal, verdicts: list[Verdict]) -> RiskReport:
    refusals = [verdict for verdict in verdicts if verdict.verdict == "refuse"]
    clamps = [verdict for verdict in verdicts if verdict.verdict == "clamp"]
    decisive = refusals[:1] or clamps[-1:]
    return RiskReport(
        proposed=proposal.quantity,
        quantity=Decimal(0) if refusals else left,
        is_refused=bool(refusals),
        reason_code=decisive[0].code if decisive else "ok",
        sentence=decisive[0].sentence if decisive else "Every limit is kept.",
        verdicts=tuple(verdicts),
    )
