"""
Brackets that stand half at the broker are made safe.

A broker takes the orders of a bracket one by one, and may refuse or cancel one of them. An entry
without its stop is cancelled as long as nothing of it has filled. What has filled gets a stop of
its own, in place of what is left of the bracket; where even that one is refused, the shares are
sold at the market. Protection goes out whatever is halted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256

from backend.core.database import transaction
from backend.core.errors import AppError
from backend.notifications import service as notifications
from backend.notifications.events import Event
from backend.portfolio.orders import endings, keeping, sending
from backend.portfolio.orders.keeping import Bracket
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.portfolio.orders.sending import Line
from backend.portfolio.orders.settling import LOOKS, PAUSE_SECONDS, Settling
from backend.trading import brackets, questions
from backend.trading.brackets import Leg
from backend.trading.numbers import plain
from backend.trading.order_state import FINAL, LIVE, OrderState
from backend.trading.plan import OrderPlan
from backend.workflow.outcome import Outcome
from backend.workflow.placing import Ending

ANSWERED_YES = (*questions.COVERED, *questions.REFUSED)
"""No size, value or price keeps protection from going out."""

MOST_CHILDREN = 10
"""A broker that takes no protection is not asked for ever."""
_BARE = " THE SHARES ARE NOT PROTECTED: close the position by hand at the broker."

S = OrderState


def fault(bracket: Bracket) -> str | None:
    """What is wrong with a bracket whose entry is known; None for a whole one, or one that is over.

    A stop that nobody knows of protects nothing.
    """
    entry = bracket.entry
    is_live = entry.state in LIVE
    if bracket.is_leaving or (not is_live and bracket.shares <= 0):
        return None
    covered = _covered(bracket.stops)
    wanted = bracket.shares + (entry.quantity - entry.filled if is_live else 0)
    if covered <= 0 < wanted or covered < bracket.shares:
        return (
            f"{_words(bracket, Role.STOP)}, so {plain(wanted)} shares would be without protection"
        )
    if entry.filled == 0 and any(_is_gone(each) for each in bracket.children):
        return f"{_words(bracket, Role.TARGET)}, so the bracket is not the one that was decided"
    return None


def _covered(stops: Sequence[Order]) -> Decimal:
    working = (each.quantity - each.filled for each in stops if each.state in LIVE)
    return sum(working, Decimal(0))


def _is_gone(order: Order) -> bool:
    return order.state not in LIVE and order.state is not S.FILLED


def _words(bracket: Bracket, role: Role) -> str:
    gone = [each for each in bracket.children if each.role is role and _is_gone(each)]
    if not gone:
        return f"its {role.value} covers too few shares"
    why = f" ({gone[-1].reason.rstrip('.')})" if gone[-1].reason else ""
    return f"its {role.value} is {gone[-1].state.value}{why}"


@dataclass(frozen=True, kw_only=True)
class Guard:
    settling: Settling

    @property
    def line(self) -> Line:
        """Nothing forbids protection, and every question about it is answered yes."""
        line = self.settling.line
        covered = (*line.covered, *ANSWERED_YES)
        return replace(line, covered=covered, may_go_out=lambda: None)

    def secure(self, entry_id: int, *, is_seen: bool = False) -> None:
        """
        Look at the bracket at the broker, and make it safe where it is not whole.

        A fault counts when a second look still shows it: news of one leg overtakes that of another.
        `is_seen` where somebody has looked a moment ago.
        """
        if not is_seen:
            self.settling.look()
        if fault(self.settling.read(entry_id)) is None:
            return
        self.settling.sleep(PAUSE_SECONDS)
        self.settling.look()
        wrong = fault(self.settling.read(entry_id))
        if wrong is not None and not self._is_being_closed():
            self._make_safe(entry_id, wrong)

    def take_back(self, entry_id: int, why: str) -> None:
        """Cancel an entry that nobody wants any more; what has filled keeps its protection."""
        bracket = self.settling.read(entry_id)
        self._cancel(entry_id, [bracket.entry], why)
        self._note(f"{bracket.entry.client_order_id} was cancelled. {why}")

    def _is_being_closed(self) -> bool:
        """Then its protection is taken away on purpose."""
        with transaction() as session:
            return keeping.is_given_over(session, self.line.round_trip_id)

    def _make_safe(self, entry_id: int, wrong: str) -> None:
        bracket = self.settling.read(entry_id)
        name = bracket.entry.client_order_id
        self._cancel(entry_id, [bracket.entry], f"Its bracket is broken: {wrong}.")
        bracket = self.settling.read(entry_id)
        if bracket.shares <= 0:
            self._cancel(entry_id, bracket.children, "Its entry was cancelled.")
            self._bury(entry_id)
            self._note_broken(f"Of the bracket of {name} {wrong}. It was cancelled unfilled.")
            return
        self._lose_doubtful(entry_id)
        if _covered(bracket.stops) >= bracket.shares:
            self._note(f"Of the bracket of {name} {wrong}. The rest of its entry was cancelled.")
            return
        self._cancel(entry_id, bracket.children, "A stop over what has filled takes its place.")
        self._protect(entry_id, wrong)

    def _protect(self, entry_id: int, wrong: str) -> None:
        bracket = self.settling.read(entry_id)
        name, shares = bracket.entry.client_order_id, bracket.shares
        if shares <= 0:
            return
        if len(bracket.children) >= MOST_CHILDREN:
            self._note(
                f"Of the bracket of {name} {wrong}, and no order to mend it was taken.{_BARE}"
            )
            return
        plan = self._plan()
        stop = self._place(entry_id, brackets.stop(plan, "stop", shares), Role.STOP)
        if stop.state in LIVE or stop.state is S.FILLED:
            self._note(
                f"Of the bracket of {name} {wrong}. A stop over the {plain(shares)} shares that had"
                " filled took its place; there is no target any more."
            )
            return
        self._sell(entry_id, f"Of the bracket of {name} {wrong}, and a new stop was not taken")

    def _sell(self, entry_id: int, wrong: str) -> None:
        shares = self.settling.read(entry_id).shares
        leg = brackets.at_market(self._plan(), "exit", shares)
        sold = self._place(entry_id, leg, Role.EXIT)
        if sold.state in LIVE or sold.state is S.FILLED:
            self._note(f"{wrong}. {plain(shares)} shares were given up at the market.")
        else:
            self._note(
                f"{wrong}. Neither was the order that should have given up {plain(shares)} shares"
                f" at the market.{_BARE}"
            )

    def _place(self, entry_id: int, leg: Leg, role: Role) -> Order:
        """One order of its own beside the bracket, as it stands once the broker has answered."""
        with transaction() as session:
            bracket = keeping.bracket(session, entry_id, is_held=True)
            trip = session.get_one(RoundTrip, self.line.round_trip_id)
            number = len(bracket.children) + 1
            named = f"{bracket.entry.client_order_id}-{leg.name}-{number}"
            order = keeping.add(
                session,
                self.line.clock,
                trip,
                leg,
                client_order_id=named,
                parent_id=entry_id,
                role=role,
                by=self.line.by,
            )
        try:
            sending.send(self.line, [order.id])
            settling = replace(self.settling, line=self.line)
            if settling.read(order.id).entry.state is S.UNKNOWN:
                settling.settle(order.id)
        except AppError as error:
            # The next thing that protects is tried instead; what is wrong is on the order.
            self._note(f"{named} could not be sent: {error.message}")
        return self.settling.read(order.id).entry

    def _cancel(self, entry_id: int, orders: Sequence[Order], why: str) -> None:
        """Have them cancelled and see them end; what fills meanwhile has filled."""
        working = [each for each in orders if each.state in LIVE and each.broker_order_id]
        for order in working:
            line = self.line
            refusal = line.broker.cancel(line.account, order.broker_order_id or "")
            if refusal is None:
                self._move([order.id], S.CANCELLING, f"Its cancellation was asked for. {why}")
        wanted = {order.id for order in working}
        for _ in range(LOOKS if working else 0):
            self.settling.sleep(PAUSE_SECONDS)
            self.settling.look()
            now = self.settling.read(entry_id).orders
            if all(each.state in FINAL for each in now if each.id in wanted):
                return

    def _move(self, order_ids: Sequence[int], after: OrderState, sentence: str) -> None:
        with transaction() as session:
            orders = [each for each in keeping.held(session, order_ids) if each.state in LIVE]
            clock, by = self.line.clock, self.line.by
            keeping.move(session, clock, orders, after, sentence=sentence, by=by)

    def _bury(self, entry_id: int) -> None:
        """Children in doubt have nothing left to close once the entry is over unfilled."""
        with transaction() as session:
            bracket = keeping.bracket(session, entry_id, is_held=True)
            doubtful = [each for each in bracket.children if each.state in (S.UNKNOWN, S.LOST)]
            told = "Its entry is over without a fill."
            clock, by = self.line.clock, self.line.by
            keeping.move(session, clock, doubtful, S.CANCELLED, sentence=told, by=by)

    def _lose_doubtful(self, entry_id: int) -> None:
        """Children that were not found get no more looks, but are watched: others replace them."""
        with transaction() as session:
            bracket = keeping.bracket(session, entry_id, is_held=True)
            doubtful = [each for each in bracket.children if each.state is S.UNKNOWN]
            told = "The broker does not list it beside its entry."
            clock, by = self.line.clock, self.line.by
            keeping.move(session, clock, doubtful, S.LOST, sentence=told, by=by)

    def _plan(self) -> OrderPlan:
        with transaction() as session:
            return keeping.plan_of(session.get_one(RoundTrip, self.line.round_trip_id))

    def _note_broken(self, sentence: str) -> None:
        ending = Ending(outcome=Outcome.FAILED, code="bracket_broken", sentence=sentence)
        with transaction() as session:
            endings.note_ending(session, self.line.round_trip_id, ending)
        self._note(sentence)

    def _note(self, sentence: str) -> None:
        number = self.line.round_trip_id
        with transaction() as session:
            trip = session.get_one(RoundTrip, number)
            endings.note_trouble(session, number, sentence)
            notifications.tell(
                session,
                self.line.clock,
                event=Event.ORDER_TROUBLE,
                key=f"bracket of round trip {number}: {sha256(sentence.encode()).hexdigest()[:12]}",
                title=f"{trip.symbol}: a bracket was not whole",
                text=sentence,
                path=f"/executions/{trip.execution_id}",
            )
