from decimal import Decimal

from backend.brokers.base import AccountSnapshot, Quote, SessionStatus
from backend.brokers.orders import Preview
from backend.core.errors import SessionDown
from backend.exchange import calendars, sessions
from backend.trading import last_look, questions
from backend.trading.last_look import Market
from backend.trading.limits import RiskReport, check_all
from backend.trading.plan import OrderPlan, OrderSettings
from backend.trading.sizing import Sizing
from backend.workflow import live
from backend.workflow.asking import ApprovalDecision, ApprovalRequest, approval, heed_no
from backend.workflow.outcome import Ends, Outcome
from backend.workflow.placing import Ending, Placement, Reversal, Trade
from backend.workflow.settings import Mode
from backend.workflow.steps.base import StepData, Tools, Touches, step
from backend.workflow.steps.proposing import Judged, propose


class Input(Judged):
    """`quote` and `account_snapshot` are those of the decision; both are asked for anew."""

    execution_id: int
    strategy_version: int
    strategy_name: str
    mode: Mode
    account: str
    is_paper: bool
    is_simulated: bool
    order_settings: OrderSettings
    order_plan: OrderPlan
    sizing: Sizing
    risk_report: RiskReport | None


class Output(StepData):
    reversal: Reversal | None = None
    """What became of a round trip that the signal points against."""
    quote_before_order: Quote | None = None
    """None where an earlier attempt had looked at it."""
    preview: Preview | None = None
    approval: ApprovalDecision | None = None
    second_risk_report: RiskReport | None = None
    """The limits once more, as things stood when the order was reserved."""
    placement: Placement | None = None


@step("place_orders", input=Input, output=Output, touches=Touches.ORDERS)
def place_orders(input: Input, tools: Tools) -> Output:
    """
    Ask a person where that is wanted, look at everything once more, and place the bracket.

    May be run again after any interruption: what an earlier attempt has kept or sent is found and
    gone on with, and nothing is sent twice.
    """
    found, ending = Output(), None
    if tools.desk.is_begun(input.execution_id):
        # What was reserved then goes out now only if the market still allows it.
        ending = _problem(input, tools, tools.market.quote(input.contract))
    else:
        found = _reserve(input, tools)
    try:
        placement = tools.desk.place(input.execution_id, lambda: ending or _why_not(input, tools))
    except Ends as end:
        # What was asked, answered and withdrawn stands on record all the same.
        found = found.model_copy(update={"placement": end.found})
        raise Ends(end.outcome, end.code, end.sentence, found=found) from None
    return found.model_copy(update={"placement": placement})


def _reserve(input: Input, tools: Tools) -> Output:
    if input.mode is Mode.APPROVE:
        heed_no(tools.approvals, input.execution_id, input.order_plan)
    _require_session(tools)
    _go_no_further(_why_not(input, tools), Output())
    reversal = _reverse(input, tools)
    quote = tools.market.quote(input.contract)
    found = Output(reversal=reversal, quote_before_order=quote)
    _go_no_further(_problem(input, tools, quote), found)
    preview = tools.desk.preview(input.account, input.order_plan)
    found = found.model_copy(update={"preview": preview})
    _refuse_by_preview(preview, found)
    if input.mode is Mode.APPROVE:
        decision = approval(tools.approvals, _request(input, quote, preview), tools.clock.now())
        found = found.model_copy(update={"approval": decision})
    report = _check_and_reserve(input, tools, quote)
    found = found.model_copy(update={"second_risk_report": report})
    if report.is_refused:
        raise Ends(Outcome.BLOCKED, report.reason_code, report.sentence, found=found)
    return found


def _require_session(tools: Tools) -> None:
    session = tools.broker.ensure_session()
    if session.status is not SessionStatus.READY:
        raise SessionDown(session.detail, code=session.status.value)


def _reverse(input: Input, tools: Tools) -> Reversal | None:
    """Close what the signal points against; ends there unless it is to turn, and has closed."""
    reversal = tools.desk.make_way(
        strategy_id=input.strategy_id,
        account=input.account,
        conid=input.contract.conid,
        side=input.order_plan.side.value,
    )
    if reversal is None:
        return None
    told = f"Round trip {reversal.round_trip_id} ends with the opposite signal: {reversal.sentence}"
    if reversal.is_closed and reversal.may_turn:
        tools.note(told)
        return reversal
    raise Ends(Outcome.ORDERED, "reversal", told, found=Output(reversal=reversal))


def _why_not(input: Input, tools: Tools) -> Ending | None:
    """A pulled kill switch, or a signal whose time is over."""
    for halt in tools.safeguards.halts():
        if halt.stops(input.strategy_id, input.account):
            sentence = f"{halt.sentence} Look at what happened, then release it."
            return Ending(outcome=Outcome.SKIPPED, code="halted", sentence=sentence)
    if (
        why := live.why_not(tools.safeguards, input.mode, input.account, input.is_paper)
    ) is not None:
        return Ending(outcome=Outcome.BLOCKED, code=live.NOT_CONFIRMED, sentence=why)
    late = last_look.expired(input.signal.expires_at, tools.clock.now())
    if late is None:
        return None
    return Ending(outcome=Outcome.SKIPPED, code=late.code, sentence=late.sentence)


def _go_no_further(ending: Ending | None, found: Output) -> None:
    if ending is not None:
        raise Ends(ending.outcome, ending.code, ending.sentence, found=found)


def _problem(input: Input, tools: Tools, quote: Quote) -> Ending | None:
    """What has changed since the decision so that the order must not go out any more."""
    now = tools.clock.now()
    market = Market(
        now=now,
        is_open=sessions.is_open(calendars.calendar(input.contract.calendar), now),
        lot=input.contract.lot,
        tick=input.contract.tick,
        last=quote.last,
        bid=quote.bid,
        ask=quote.ask,
        is_halted=quote.is_halted,
    )
    problem = last_look.problem(input.order_plan, market, input.signal.expires_at)
    if problem is None:
        return None
    outcome = Outcome.SKIPPED if problem.is_over else Outcome.BLOCKED
    return Ending(outcome=outcome, code=problem.code, sentence=problem.sentence)


def _refuse_by_preview(preview: Preview, found: Output) -> None:
    """The broker's own reckoning, before a person is asked and before anything is reserved."""
    if preview.refusal is not None:
        raise Ends(
            Outcome.BLOCKED,
            "refused_by_broker",
            f"The broker would not take the order: {preview.refusal}",
            found=found,
        )
    margin, equity = preview.initial_margin, preview.equity_after
    if margin is not None and equity is not None and margin > equity:
        raise Ends(
            Outcome.BLOCKED,
            "no_funds",
            f"With this order the account would have to bind {margin:,.2f} and be worth"
            f" {equity:,.2f}. Make risk.max_share_of_equity smaller, or free money.",
            found=found,
        )


def _request(input: Input, quote: Quote, preview: Preview) -> ApprovalRequest:
    return ApprovalRequest(
        execution_id=input.execution_id,
        strategy_id=input.strategy_id,
        strategy_name=input.strategy_name,
        account=input.account,
        is_paper=input.is_paper,
        is_simulated=input.is_simulated,
        currency=input.contract.currency,
        order_plan=input.order_plan,
        quote=quote,
        preview=preview,
        risk_report=input.risk_report,
        signal_expires_at=input.signal.expires_at,
        patience_minutes=input.order_settings.approval_minutes,
    )


def _check_and_reserve(input: Input, tools: Tools, quote: Quote) -> RiskReport:
    """With a snapshot and limits of this moment: a person may have taken minutes to answer."""
    plan = input.order_plan
    facts = input.model_copy(
        update={
            "quote": quote,
            "as_of": tools.clock.now(),
            "limits_in_force": tools.safeguards.limits(input.account),
            "equity_history": tools.safeguards.equity(input.account, tools.clock.now()),
        }
    )

    def judge(account: AccountSnapshot) -> RiskReport:
        seen = facts.model_copy(update={"account_snapshot": account})
        lot = input.sizing.lot
        proposal = propose(seen, tools.journal, quantity=plan.quantity, lot=lot)
        report = check_all(proposal, input.risk_settings, facts.limits_in_force)
        return _whole(report, plan.quantity)

    trade = _trade(input, _covered(facts, quote))
    return tools.desk.reserve(trade, tools.broker.account_snapshot(input.account), judge)


def _covered(input: Input, quote: Quote) -> tuple[str, ...]:
    """The broker's questions about size and price that our own limits have answered."""
    levels = (input.risk_settings, *input.limits_in_force.by_level().values())
    names = {
        name
        for limits in levels
        for name in type(limits).model_fields
        if getattr(limits, name) is not None
    }
    by_price = questions.covered_by_price(input.order_plan, quote.last)
    return (*by_price, *questions.covered_by_limits(names))


def _whole(report: RiskReport, planned: Decimal) -> RiskReport:
    """What no longer fits whole does not go out: it was decided, and perhaps approved, as it is."""
    if report.is_refused or report.quantity >= planned:
        return report
    sentence = (
        f"{report.sentence} The order was planned when more fitted; the next run sizes it anew."
    )
    return report.model_copy(
        update={"is_refused": True, "quantity": Decimal(0), "sentence": sentence}
    )


def _trade(input: Input, covered: tuple[str, ...]) -> Trade:
    return Trade(
        execution_id=input.execution_id,
        strategy_id=input.strategy_id,
        strategy_version=input.strategy_version,
        strategy_name=input.strategy_name,
        account=input.account,
        is_paper=input.is_paper,
        is_simulated=input.is_simulated,
        currency=input.contract.currency,
        order_plan=input.order_plan,
        reason=input.signal.sentence,
        signal_expires_at=input.signal.expires_at,
        allow_questions=input.order_settings.allow_questions,
        covered_questions=covered,
    )
