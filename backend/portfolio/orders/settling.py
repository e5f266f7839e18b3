"""
What became of orders that went out, and whether each bracket stands whole at the broker.

An order of which nobody knows is looked up by its client order id, in the broker's orders and its
fills, several times over a settling time: an answer that got lost, or a question that went stale,
may still make it live a moment later. Only then it is sent once more, under the same id, which the
broker takes once a day at most.
"""

from collections.abc import Callable
from dataclasses import dataclass

from backend.core.database import transaction
from backend.portfolio.orders import endings, following, keeping, sending
from backend.portfolio.orders.keeping import Bracket
from backend.portfolio.orders.sending import Line
from backend.trading.order_state import OrderState
from backend.workflow.outcome import Outcome
from backend.workflow.placing import Ending

LOOKS = 5
PAUSE_SECONDS = 5.0
"""IBKR answers for its live orders once in five seconds: the looks last twenty in all."""

S = OrderState
_IN_DOUBT = (S.SENDING, S.UNKNOWN, S.LOST)


@dataclass(frozen=True, kw_only=True)
class Settling:
    line: Line
    sleep: Callable[[float], None]

    def settle(self, entry_id: int) -> None:
        """
        Bring a bracket that was sent to where the broker has it, sending it once more if need be.

        Afterwards its entry is in doubt no more, or LOST, with the reason on the round trip.
        Raises what the broker raises; then it stays in doubt, and may be settled later.
        """
        self._doubt(entry_id)
        if self._look_until_known(entry_id):
            return
        sent_again = self._send_again(entry_id)
        if sent_again and self._look_until_known(entry_id):
            return
        self._lose(entry_id, sent_again=sent_again)

    def look(self) -> None:
        """Read the broker's orders and fills, and take over what they say."""
        line = self.line
        listed = line.broker.orders(line.account)
        fills = line.broker.fills(line.account)
        with transaction() as session:
            following.apply(session, line.clock, line.account, [*listed, *fills], by=line.by)

    def read(self, entry_id: int) -> Bracket:
        with transaction() as session:
            return keeping.bracket(session, entry_id)

    def _doubt(self, entry_id: int) -> None:
        """Whoever sent it fell silent in the middle: that it is SENDING says nothing any more."""
        with transaction() as session:
            orders = keeping.bracket(session, entry_id, is_held=True).orders
            sending_ones = [each for each in orders if each.state in (S.SENDING, S.LOST)]
            told = "Nobody knows what became of it: it is looked up at the broker."
            clock, by = self.line.clock, self.line.by
            keeping.move(session, clock, sending_ones, S.UNKNOWN, sentence=told, by=by)

    def _look_until_known(self, entry_id: int) -> bool:
        """Whether the entry was found; its children get the same time to show up."""
        for number in range(LOOKS):
            if number:
                self.sleep(PAUSE_SECONDS)
            self.look()
            bracket = self.read(entry_id)
            if not any(order.state in _IN_DOUBT for order in bracket.orders):
                break
        return bracket.entry.state not in _IN_DOUBT

    def _send_again(self, entry_id: int) -> bool:
        with transaction() as session:
            orders = keeping.bracket(session, entry_id).orders
            ids = [order.id for order in orders if order.state is S.UNKNOWN]
            is_second = keeping.was_unknown(session, ids)
        if is_second or len(ids) < len(orders) or self.line.may_go_out() is not None:
            return False
        # A gateway that was restarted has forgotten whose prices we follow, and would ask about it.
        self.line.broker.quote(orders[0].conid)
        sending.send(self.line, ids)
        return True

    def _lose(self, entry_id: int, *, sent_again: bool) -> None:
        ending = Ending(
            outcome=Outcome.FAILED, code="order_lost", sentence=self._what_is_lost(sent_again)
        )
        with transaction() as session:
            orders = keeping.bracket(session, entry_id, is_held=True).orders
            unknown = [each for each in orders if each.state is S.UNKNOWN]
            told = "The broker was asked for long enough and does not list it."
            clock, by = self.line.clock, self.line.by
            keeping.move(session, clock, unknown, S.LOST, sentence=told, by=by)
            if unknown:
                endings.note_ending(session, self.line.round_trip_id, ending)

    def _what_is_lost(self, sent_again: bool) -> str:
        forbids = None if sent_again else self.line.may_go_out()
        why = "" if forbids is None else f" It was not sent again: {forbids.sentence}"
        return (
            "No answer told what became of the order, and the broker lists neither it nor a fill of"
            f" it.{why} It is watched for a day, and cancelled if it turns up; look at the broker's"
            " own order page to be sure."
        )
