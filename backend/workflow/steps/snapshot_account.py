from backend.brokers.base import AccountSnapshot
from backend.workflow.steps.base import StepData, Tools, Touches, step


class Input(StepData):
    account: str


class Output(StepData):
    account_snapshot: AccountSnapshot


@step("snapshot_account", input=Input, output=Output, touches=Touches.OUTSIDE)
def snapshot_account(input: Input, tools: Tools) -> Output:
    """Cash, equity, positions, working orders and the day's P&L, as the broker reports them."""
    return Output(account_snapshot=tools.broker.account_snapshot(input.account))
