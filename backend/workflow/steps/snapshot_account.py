from datetime import datetime

from backend.brokers.base import AccountSnapshot, Contract
from backend.trading.limits import LimitsInForce
from backend.trading.oversight import EquityHistory
from backend.trading.own_books import OwnBooks
from backend.workflow.outcome import Ends, Outcome
from backend.workflow.settings import Mode
from backend.workflow.steps.base import StepData, Tools, Touches, step


class Input(StepData):
    account: str
    strategy_id: int
    mode: Mode
    contract: Contract
    as_of: datetime


class Output(StepData):
    account_snapshot: AccountSnapshot
    # Records from before there were limits above the strategies lack both.
    limits_in_force: LimitsInForce = LimitsInForce()
    equity_history: EquityHistory | None = None
    # ... and those from before there were orders lack this one.
    own_books: OwnBooks = OwnBooks()


@step("snapshot_account", input=Input, output=Output, touches=Touches.OUTSIDE)
def snapshot_account(input: Input, tools: Tools) -> Output:
    """
    Cash, equity, positions, working orders and the day's P&L, as the broker reports them.

    Beside them the limits that people set for the account and for everything, what was seen of
    its equity before, and what our own books say: what risk check and analyst then judge by is all
    on record. Where the two books differ and nobody has explained it, nothing is ordered.
    """
    found = Output(
        account_snapshot=tools.broker.account_snapshot(input.account),
        limits_in_force=tools.safeguards.limits(input.account),
        equity_history=tools.safeguards.equity(input.account, input.as_of),
        own_books=tools.safeguards.own_books(
            account=input.account, strategy_id=input.strategy_id, conid=input.contract.conid
        ),
    )
    for drift in found.own_books.drifts:
        if input.mode is not Mode.OBSERVE:
            raise Ends(Outcome.BLOCKED, "unexplained_drift", drift.sentence, found=found)
        tools.note(drift.sentence)
    return found
