"""The orders of an execution, placed exactly once: what its steps ask of this room."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import NoReturn

from backend.brokers.base import AccountSnapshot, Broker
from backend.brokers.orders import Preview, Ticket
from backend.core import locks
from backend.core.clock import Clock, real_seconds
from backend.core.database import transaction
from backend.core.errors import NotFound, TemporaryError
from backend.portfolio.orders import endings, keeping, placements, reserving, reversing, sending
from backend.portfolio.orders.guarding import Guard
from backend.portfolio.orders.models import RoundTrip
from backend.portfolio.orders.sending import Line
from backend.portfolio.orders.settling import Settling
from backend.trading import brackets
from backend.trading.limits import RiskReport
from backend.trading.order_state import LIVE, OrderState
from backend.trading.plan import OrderPlan
from backend.workflow.outcome import Ends, Outcome
from backend.workflow.placing import Ending, Judge, MayGoOut, Placement, Reversal, Trade

MOST_LOOKS = 3
PAUSE_SECONDS = 2.0
"""While a fill or its commission is still to come: IBKR tells a commission seconds later."""

S = OrderState
_IN_DOUBT = (S.SENDING, S.UNKNOWN, S.LOST)


class DatabaseDesk:
    """`sleep` is given seconds of the clock."""

    def __init__(
        self, broker: Broker, clock: Clock, *, sleep: Callable[[float], None] | None = None
    ) -> None:
        self._broker = broker
        self._clock = clock
        self._sleep = sleep or (lambda seconds: time.sleep(real_seconds(clock, seconds)))

    def is_begun(self, execution_id: int) -> bool:
        with transaction() as session:
            return keeping.of_execution(session, execution_id) is not None

    def make_way(self, *, strategy_id: int, account: str, conid: int, side: str) -> Reversal | None:
        return reversing.make_way(
            self._clock,
            self._broker,
            self._sleep,
            strategy_id=strategy_id,
            account=account,
            conid=conid,
            side=side,
        )

    def preview(self, account: str, plan: OrderPlan) -> Preview:
        """Of the whole quantity, although it goes out in as many brackets as it has targets."""
        entry = brackets.brackets(plan)[0][0]
        ticket = Ticket(
            client_order_id="preview",
            conid=plan.conid,
            side=entry.side,
            order_type=entry.order_type,
            quantity=plan.quantity,
            tif=entry.tif,
            limit_price=entry.limit_price,
            outside_rth=entry.outside_rth,
        )
        with sending.conversation():
            return self._broker.preview(account, [ticket])

    def reserve(self, trade: Trade, snapshot: AccountSnapshot, judge: Judge) -> RiskReport:
        return reserving.reserve(self._clock, trade, snapshot, judge)

    def place(self, execution_id: int, may_go_out: MayGoOut) -> Placement:
        with locks.alone(keeping.lock_of(execution_id)) as is_ours:
            if not is_ours:
                raise TemporaryError(
                    "Another process is placing the orders of this execution.", code="busy"
                )
            settling = self._settling(execution_id, may_go_out)
            for entry_id in self._entries(settling.line.round_trip_id):
                _bring_through(settling, entry_id)
                if not self._is_alive(entry_id):
                    # What ended one bracket would end the next ones; what lives, lives.
                    self._withdraw_rest(settling.line)
                    break
            return self._conclude(execution_id)

    def reconcile(self, execution_id: int) -> Placement:
        settling = self._settling(execution_id, lambda: None)
        for number in range(MOST_LOOKS):
            if number:
                self._sleep(PAUSE_SECONDS)
            settling.look()
            if not _is_to_come(self._placement(execution_id)):
                break
        with locks.alone(keeping.lock_of(execution_id)) as is_ours:
            # A broker may take a leg in, and cancel it a second later.
            for entry_id in self._entries(settling.line.round_trip_id) if is_ours else ():
                Guard(settling=settling).secure(entry_id, is_seen=True)
        return self._placement(execution_id)

    def _settling(self, execution_id: int, may_go_out: MayGoOut) -> Settling:
        with transaction() as session:
            trip = keeping.of_execution(session, execution_id)
        if trip is None:
            raise NotFound(f"Execution {execution_id} has reserved no trade.")
        line = Line(
            clock=self._clock,
            broker=self._broker,
            account=trip.account,
            round_trip_id=trip.id,
            allowed=keeping.allowed_questions(trip),
            covered=keeping.covered_questions(trip),
            may_go_out=may_go_out,
        )
        return Settling(line=line, sleep=self._sleep)

    def _entries(self, round_trip_id: int) -> list[int]:
        with transaction() as session:
            return keeping.entry_ids(session, round_trip_id)

    def _is_alive(self, entry_id: int) -> bool:
        with transaction() as session:
            entry = keeping.bracket(session, entry_id).entry
            return _is_in(entry.state, entry.filled)

    def _withdraw_rest(self, line: Line) -> None:
        with transaction() as session:
            trip = session.get_one(RoundTrip, line.round_trip_id)
            ending = endings.ending_of(trip)
            told = "Another part of the same trade came to nothing."
            told = told if ending is None else ending.sentence
            for entry_id in keeping.entry_ids(session, trip.id):
                orders = keeping.bracket(session, entry_id, is_held=True).orders
                planned = [each for each in orders if each.state is S.PLANNED]
                keeping.move(session, self._clock, planned, S.WITHDRAWN, sentence=told, by=line.by)

    def _conclude(self, execution_id: int) -> Placement:
        """Raises `Ends` where nothing of the trade lives."""
        with transaction() as session:
            trip = keeping.of_execution(session, execution_id)
            assert trip is not None
            placement = placements.placement(session, trip)
            ending = endings.ending_of(trip)
        if any(_is_in(each.state, each.filled) for each in placement.entries):
            if ending is None:
                return placement
            partly = f"Only a part of it went out. {ending.sentence}"
            return placement.model_copy(update={"troubles": (*placement.troubles, partly)})
        _end(ending, placement)

    def _placement(self, execution_id: int) -> Placement:
        with transaction() as session:
            trip = keeping.of_execution(session, execution_id)
            assert trip is not None
            return placements.placement(session, trip)


def _bring_through(settling: Settling, entry_id: int) -> None:
    """One bracket from wherever it stands to where the broker has it, whole or made safe."""
    bracket = settling.read(entry_id)
    if bracket.entry.state is S.PLANNED:
        sending.send(settling.line, [order.id for order in bracket.orders])
        bracket = settling.read(entry_id)
    if bracket.entry.state in _IN_DOUBT:
        settling.settle(entry_id)
        bracket = settling.read(entry_id)
    if _is_in(bracket.entry.state, bracket.entry.filled):
        Guard(settling=settling).secure(entry_id)


def _is_in(state: OrderState, filled: Decimal) -> bool:
    """Whether an entry may still fill, or has."""
    return state in LIVE or state is S.FILLED or filled > 0


def _is_to_come(placement: Placement) -> bool:
    """Whether a fill or a commission is to be expected within seconds."""
    if any(fill.commission is None for fill in placement.fills):
        return True
    return any(
        each.order_type == "MKT" and each.state is S.WORKING and each.filled < each.quantity
        for each in placement.entries
    )


def _end(ending: Ending | None, placement: Placement) -> NoReturn:
    if ending is not None:
        raise Ends(ending.outcome, ending.code, ending.sentence, found=placement)
    reasons = [each.reason for each in placement.entries if each.reason]
    why = reasons[0] if reasons else "it gave no reason"
    raise Ends(
        Outcome.BLOCKED,
        "refused_by_broker",
        f"The broker took the entry and then ended it without a fill: {why}",
        found=placement,
    )
