"""How one of our orders may go from state to state, from the plan to its end."""

from enum import StrEnum

from backend.core.errors import Conflict


class OrderState(StrEnum):
    PLANNED = "planned"  #: kept with its client order id; nothing went out
    SENDING = "sending"  #: a request goes out, or a question waits for its answer
    UNKNOWN = "unknown"  #: it went out and nobody knows what became of it: it is being looked up
    LOST = "lost"  #: the broker was asked, for long enough, and knows nothing of it
    PENDING = "pending"  #: the broker took it and waits for the exchange
    HELD = "held"  #: the broker keeps it until its trigger, its parent or the market's opening
    WORKING = "working"  #: at the exchange, perhaps filled in part
    CANCELLING = "cancelling"  #: its cancellation was asked for; it may still fill
    FILLED = "filled"  #: the whole quantity
    CANCELLED = "cancelled"  #: what was not filled is over
    REFUSED = "refused"  #: the broker said no
    WITHDRAWN = "withdrawn"  #: we gave it up before anything went out


S = OrderState
LIVE = frozenset({S.PENDING, S.HELD, S.WORKING, S.CANCELLING})
"""The broker has it, and it may still fill."""
OPEN = LIVE | {S.PLANNED, S.SENDING, S.UNKNOWN}
"""It may still fill, or it may come to that."""
FINAL = frozenset({S.FILLED, S.CANCELLED, S.REFUSED, S.WITHDRAWN})

_AT_THE_BROKER = LIVE | {S.FILLED, S.CANCELLED, S.REFUSED}

NEXT: dict[OrderState, frozenset[OrderState]] = {
    S.PLANNED: frozenset({S.SENDING, S.WITHDRAWN}),
    # Back to planned: the request never left us, or was turned away unread (429).
    S.SENDING: frozenset({S.PLANNED, S.UNKNOWN, S.WITHDRAWN}) | _AT_THE_BROKER,
    # To sending: it was looked for, and is sent once more under the same client order id.
    S.UNKNOWN: frozenset({S.LOST, S.SENDING}) | _AT_THE_BROKER,
    S.LOST: frozenset({S.UNKNOWN}) | _AT_THE_BROKER,
    S.PENDING: frozenset(_AT_THE_BROKER - {S.PENDING}),
    S.HELD: frozenset(_AT_THE_BROKER - {S.HELD}),
    S.WORKING: frozenset(_AT_THE_BROKER - {S.WORKING}),
    S.CANCELLING: frozenset(_AT_THE_BROKER - {S.CANCELLING}),
    **{state: frozenset() for state in FINAL},
}


class IllegalTransition(Conflict):
    """An order cannot go from this state to that one."""

    code = "illegal_transition"


def require(before: OrderState, after: OrderState) -> None:
    """Raises `IllegalTransition` for a step that no order takes; standing still is none."""
    if before is not after and after not in NEXT[before]:
        raise IllegalTransition(f"An order that is {before} cannot become {after}.")
