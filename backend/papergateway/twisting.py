"""What faults make of orders: questions that nobody knows, stale replies, odd executions."""

from collections.abc import Callable, Iterator

from backend.papergateway.account import ACCOUNT
from backend.papergateway.faults import (
    ASKING_FAULTS,
    PLACING_FAULTS,
    PROMPTING_FAULTS,
    REPLY_FAULTS,
    Fault,
    FaultKind,
)
from backend.papergateway.trading.placing import Twist
from backend.papergateway.trading.questions import Question
from backend.papergateway.trading.tickets import Refused
from backend.papergateway.world import World

PLACING_PATH = f"iserver/account/{ACCOUNT}/orders"
"""Struck when orders are taken in, be it by the request itself or by the reply to a question."""

# The words of message p12.
PROMPT_TEXT = (
    "If your order is not immediately executable, our systems may, depending on market conditions,"
    " reject your order if its limit price is more than the allowed amount away from the reference"
    " price at that time. Use the Price Management Algo?"
)


def questions(world: World) -> Iterator[Question]:
    """One more question than the order deserves, or none."""
    fault = world.faults.strike(ASKING_FAULTS, "POST", PLACING_PATH)
    if fault is not None:
        text = fault.text or "This is a question that nobody has asked before. Go on?"
        yield Question(fault.message_id or "o99999", text)


def lose_reply(world: World, identity: str) -> None:
    """Raises what the conversation does with a stale reply, if a fault strikes."""
    fault = world.faults.strike(REPLY_FAULTS, "POST", f"iserver/reply/{identity}")
    if fault is not None:
        goes_live = fault.kind is FaultKind.STALE_REPLY_LIVE
        world.conversations.lose(identity, goes_live=goes_live)


def prompt(world: World) -> str | None:
    """The text of a prompt that holds a submission back, or None."""
    fault = world.faults.strike(PROMPTING_FAULTS, "POST", PLACING_PATH)
    return None if fault is None else fault.text or PROMPT_TEXT


def of_placing(world: World) -> Twist:
    """Raises `Refused` for the fault that refuses."""
    fault = world.faults.strike(PLACING_FAULTS, "POST", PLACING_PATH)
    if fault is None:
        return Twist()
    if fault.kind is FaultKind.ORDER_REFUSED:
        raise Refused(fault.text or "Order rejected: no trading permission.")
    return _TWISTS[fault.kind](fault)


def _ms(fault: Fault, usual: float) -> int:
    return int((usual if fault.seconds is None else fault.seconds) * 1000)


_TWISTS: dict[FaultKind, Callable[[Fault], Twist]] = {
    FaultKind.ORDER_REFUSED_LATER: lambda fault: Twist(
        refused_later=fault.text or "The order was rejected by the exchange."
    ),
    FaultKind.SLOW_ACKNOWLEDGEMENT: lambda fault: Twist(acknowledged_after_ms=_ms(fault, 5)),
    FaultKind.PARTIAL_FILL: lambda fault: Twist(
        first_shares=1 if fault.shares is None else fault.shares, rest_after_ms=_ms(fault, 60)
    ),
    FaultKind.LATE_COMMISSION: lambda fault: Twist(commission_delay_ms=_ms(fault, 10)),
    FaultKind.CHILD_REFUSED: lambda fault: Twist(
        child_refused=fault.text or "The child order was rejected."
    ),
    FaultKind.CHILD_CANCELLED: lambda fault: Twist(
        child_cancelled=fault.text or "The child order was cancelled by the system."
    ),
}
