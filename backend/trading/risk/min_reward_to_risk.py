"""No trade whose targets are not worth its risk."""

from pydantic import Field

from backend.trading.numbers import Number, Settings
from backend.trading.risk.base import Verdict, passed, refused, refused_unknown, risk_rule
from backend.trading.risk.proposal import Proposal


class MinRewardToRisk(Settings):
    min_reward_to_risk: Number | None = Field(
        None,
        gt=0,
        le=50,
        description="Mean distance of the targets over the stop's, at least; empty for any.",
    )


@risk_rule("min_reward_to_risk", order=27, settings=MinRewardToRisk)
def min_reward_to_risk(proposal: Proposal, settings: MinRewardToRisk) -> Verdict:
    rule, value, limit = "min_reward_to_risk", proposal.reward_to_risk, settings.min_reward_to_risk
    if limit is None:
        return passed(rule, proposal, "No reward over risk is asked for.", value=value)
    if value is None:
        sentence = "The trade has no target, so its reward is not known."
        return refused_unknown(rule, proposal, sentence, limit=limit)
    sentence = f"The targets are worth {value:f} times the risk, and {limit:f} is asked for."
    verdict = passed if value >= limit else refused
    return verdict(rule, proposal, sentence, value=value, limit=limit)
