"""What there is to tell about. A channel chooses among these."""

from enum import StrEnum


class Event(StrEnum):
    FILL = "fill"
    REFUSAL = "refusal"
    APPROVAL = "approval"
    DRIFT = "drift"
    HALT = "halt"
    LOSS_NEAR_LIMIT = "loss_near_limit"
    FAILURE = "failure"
    SESSION_TROUBLE = "session_trouble"
    ORDER_TROUBLE = "order_trouble"
    TEST = "test"  #: a person pressed the button; no channel can refuse it

    @property
    def label(self) -> str:
        return _WORDS[self][0]

    @property
    def meaning(self) -> str:
        """When it is told, as the page of notifications says it."""
        return _WORDS[self][1]

    @property
    def is_urgent(self) -> bool:
        """Somebody should act at once: it goes out before others, and is held back the least."""
        return self in _URGENT


_WORDS = {
    Event.FILL: ("Fills", "an order was filled, whole or in part"),
    Event.REFUSAL: ("Refusals", "a limit, a halt or the broker refused an order"),
    Event.APPROVAL: ("Approvals", "an order waits for your yes or no"),
    Event.DRIFT: ("Drift", "the broker's books and ours differ"),
    Event.HALT: ("Kill switch", "it was pulled, carried out or released"),
    Event.LOSS_NEAR_LIMIT: ("Losses", "a loss came near the limit of the day or of the drawdown"),
    Event.FAILURE: ("Failures", "an execution failed"),
    Event.SESSION_TROUBLE: ("Session", "the broker's session is about to end, or has ended"),
    Event.ORDER_TROUBLE: ("Orders in doubt", "an order or its protection needs your eyes"),
    Event.TEST: ("Test", "the test button was pressed"),
}
_URGENT = {Event.APPROVAL, Event.DRIFT, Event.HALT, Event.ORDER_TROUBLE, Event.TEST}

CHOICES = tuple(event for event in Event if event is not Event.TEST)
"""What a channel can be told to carry or to leave out."""
