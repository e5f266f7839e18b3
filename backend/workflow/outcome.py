"""How an execution can end, and how a step says so."""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel


class Outcome(StrEnum):
    ORDERED = "ordered"  #: orders went to the broker
    OBSERVED = "observed"  #: a signal passed every check, and the mode sends no orders
    HELD = "held"  #: nothing to do: no signal, or one too weak to act on
    BLOCKED = "blocked"  #: a limit on data, money or risk forbade it
    REJECTED = "rejected"  #: a person said no
    EXPIRED = "expired"  #: nobody said yes in time
    SKIPPED = "skipped"  #: it should not run: closed, late, halted, duplicate, no budget
    FAILED = "failed"  #: something broke; the record says what


class Ends(Exception):
    """
    Raised by a step that ends the execution on purpose; `found` is what it found all the same.

    `code` is the reason that lists and statistics count by, `sentence` the one for a person.
    """

    def __init__(
        self, outcome: Outcome, code: str, sentence: str, *, found: BaseModel | None = None
    ) -> None:
        super().__init__(sentence)
        self.outcome = outcome
        self.code = code
        self.sentence = sentence
        self.found = found


class Withheld(Ends):
    """Raised in place of a step that must not run here: it is recorded as skipped."""


class NotNeeded(Exception):
    """Raised by a step that this strategy does not ask for; the execution goes on with `found`."""

    def __init__(self, code: str, sentence: str, *, found: BaseModel) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.found = found


class Waits(Exception):
    """
    Raised by a step that needs somebody's answer: it is run again, as a new attempt, once
    `waiting.wake` is called for its execution, and at `until` at the latest.

    The record keeps `found` for its readers; the next attempt starts without it.
    """

    def __init__(
        self, code: str, sentence: str, *, until: datetime, found: BaseModel | None = None
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.until = until
        self.found = found


def too_late(due_at: datetime, now: datetime) -> Ends:
    """What ends an execution that could not start, or go on, in time."""
    late = round((now - due_at) / timedelta(minutes=1))
    return Ends(
        Outcome.SKIPPED,
        "late",
        f"It is {late} minutes past the due time, later than the missed-run policy allows.",
    )
