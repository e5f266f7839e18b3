from datetime import datetime

from backend.brokers.base import AccountSnapshot
from backend.trading.limits import LimitsInForce
from backend.trading.oversight import EquityHistory
from backend.workflow.steps.base import StepData, Tools, Touches, step


class Input(StepData):
    account: str
    as_of: datetime


class Output(StepData):
    account_snapshot: AccountSnapshot
    # Records from before there were limits above the strategies lack both.
    limits_in_force: LimitsInForce = LimitsInForce()
    equity_history: EquityHistory | None = None


@step("snapshot_account", input=Input, output=Output, touches=Touches.OUTSIDE)
def snapshot_account(input: Input, tools: Tools) -> Output:
    """
    Cash, equity, positions, working orders and the day's P&L, as the broker reports them.

    Beside them the limits that people set for the account and for everything, and what was seen
    of its equity before: what the risk check then judges by is all on record.
    """
    return Output(
        account_snapshot=tools.broker.account_snapshot(input.account),
        limits_in_force=tools.safeguards.limits(input.account),
        equity_history=tools.safeguards.equity(input.account, input.as_of),
    )
