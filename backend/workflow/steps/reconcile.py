from decimal import Decimal

from backend.brokers.base import AccountSnapshot, Contract
from backend.trading.numbers import plain
from backend.trading.order_state import FINAL, LIVE, OrderState
from backend.trading.plan import OrderPlan
from backend.trading.signal import Action
from backend.workflow.outcome import Ends, Outcome
from backend.workflow.placing import Placement
from backend.workflow.steps.base import StepData, Tools, Touches, step


class Input(StepData):
    execution_id: int
    account: str
    contract: Contract
    order_plan: OrderPlan
    placement: Placement


class Output(StepData):
    reconciled: Placement
    """The orders and their fills after another look at the broker."""
    account_after: AccountSnapshot
    filled: Decimal
    average_price: Decimal | None
    commission: Decimal
    slippage: Decimal | None
    """Per share against the planned entry, in contract currency; above zero is worse."""


@step("reconcile", input=Input, output=Output, touches=Touches.ORDERS)
def reconcile(input: Input, tools: Tools) -> Output:
    """Wait a moment for fills, and write down what the broker's books say. It ends the execution:
    the rest of the trade's life is followed without it."""
    placement = tools.desk.reconcile(input.execution_id)
    found = _found(input, placement, tools.broker.account_snapshot(input.account))
    entries = placement.entries
    if found.filled == 0 and all(each.state in FINAL for each in entries):
        why = next((each.reason for each in entries if each.reason), "it gave no reason")
        refused = any(each.state is OrderState.REFUSED for each in entries)
        raise Ends(
            Outcome.BLOCKED,
            "refused_by_broker" if refused else "cancelled_by_broker",
            f"The broker took the entry and then ended it without a fill: {why}",
            found=found,
        )
    planned = input.order_plan.quantity
    code = "working" if found.filled == 0 else "filled"
    if 0 < found.filled < planned:
        code = "partly_filled"
    raise Ends(Outcome.ORDERED, code, _sentence(input, found), found=found)


def _found(input: Input, placement: Placement, account: AccountSnapshot) -> Output:
    entries = [each for each in placement.entries if each.filled > 0]
    filled = sum((each.filled for each in entries), Decimal(0))
    priced = [each for each in entries if each.average_price is not None]
    paid = sum((each.filled * (each.average_price or Decimal(0)) for each in priced), Decimal(0))
    average = None
    if filled > 0 and len(priced) == len(entries):
        average = (paid / filled).quantize(Decimal("0.000001"))
    return Output(
        reconciled=placement,
        account_after=account,
        filled=filled,
        average_price=average,
        commission=sum((each.commission for each in placement.orders), Decimal(0)),
        slippage=_slippage(input.order_plan, average),
    )


def _slippage(plan: OrderPlan, average: Decimal | None) -> Decimal | None:
    if average is None:
        return None
    return average - plan.entry if plan.side is Action.BUY else plan.entry - average


def _sentence(input: Input, found: Output) -> str:
    plan = input.order_plan
    did = "Bought" if plan.side is Action.BUY else "Sold short"
    held = _protection(found.reconciled)
    if found.filled == 0:
        order = f"{plan.side} {plain(plan.quantity)} {plan.symbol}"
        at = f" at {plan.entry:f} or better" if plan.order_type == "LMT" else ""
        return f"{order}{at} is at the broker and not filled yet; {held}."
    of = "" if found.filled >= plan.quantity else f" of {plain(plan.quantity)}"
    price = f" at {plain(found.average_price)}" if found.average_price else ""
    cost = f" for {found.commission:,.2f} {input.contract.currency} of commission"
    known = cost if found.commission else ", its commission is still to be told"
    return f"{did} {plain(found.filled)}{of} {plan.symbol}{price}{known}; {held}."


def _protection(placement: Placement) -> str:
    # Only what the broker was seen to have: an order that is in doubt protects nothing.
    live = [each for each in placement.orders if each.state in LIVE]
    stops = [each for each in live if each.role == "stop"]
    targets = [each for each in live if each.role == "target"]
    if not stops:
        return "no stop is at work"
    covered = plain(sum((each.quantity for each in stops), Decimal(0)))
    words = f"stops over {covered} shares"
    return (
        f"{words} and {len(targets)} targets are held by the broker"
        if targets
        else f"{words} are held by the broker"
    )
