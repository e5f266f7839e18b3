"""All limits together: the risk settings of a strategy, and the check of one order."""

from decimal import Decimal
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, create_model

from backend.trading.risk import Proposal, RiskRule, Verdict, rules
from backend.trading.sizing import SizingSettings


def in_order() -> list[RiskRule]:
    """The limits, in the order in which they are asked and shown."""
    return sorted((rules.get(name) for name in rules), key=lambda rule: (rule.order, rule.name))


if TYPE_CHECKING:

    class RiskSettings(SizingSettings):
        """`risk_per_trade`, `lot`, and the fields that each limit brings along."""
else:
    # Composed, so that a new limit is one new file and its settings appear here by themselves.
    RiskSettings = create_model(
        "RiskSettings",
        __base__=(SizingSettings, *dict.fromkeys(rule.settings for rule in in_order())),
        __module__=__name__,
        __doc__="How large a trade may be: `risk_per_trade`, `lot`, and the fields of each limit.",
    )


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


def check_all(proposal: Proposal, settings: RiskSettings) -> RiskReport:
    """Ask every limit, each about the quantity that those before it left."""
    verdicts: list[Verdict] = []
    asked = proposal
    for rule in in_order():
        verdict = rule.check(asked, settings)
        verdicts.append(verdict)
        # After a refusal the others are still asked, about the order as it was: all that is
        # wrong shows at once.
        if verdict.verdict == "clamp":
            asked = asked.model_copy(update={"quantity": verdict.quantity})
    return _report(proposal, asked.quantity, verdicts)


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
