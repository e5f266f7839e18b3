"""
Orders on their way in: questions, replies, and what becomes of replies that come too late.

One conversation at a time: whoever sends another order makes the open question stale. A reply to
a stale question is answered with 503, and the order may go live all the same.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from uuid import uuid4

from backend.papergateway.trading.questions import Question

OPTIONS = ("Yes", "No")
FIRST_REQUEST = 22_170


@dataclass(frozen=True)
class Asked:
    """The question to answer next."""

    id: str
    question: Question


@dataclass(frozen=True)
class Prompt:
    """A message in the middle of a submission; the order waits until it is answered."""

    order_id: int
    request_id: str
    text: str


@dataclass
class _Pending:
    questions: list[Question]
    submit: Callable[[], object]


class Unknown(Exception):
    """No such question, or it was answered before."""


class Stale(Exception):
    """Another order was sent in between; whether this one lives is not said."""


class Declined(Exception):
    """The client did not confirm."""


class Conversations:
    """Those of one brokerage session."""

    def __init__(self, *, seed: int) -> None:
        self._random = Random(seed)
        self._open: dict[str, _Pending] = {}
        self._stale: dict[str, _Pending] = {}
        self._prompted: dict[tuple[int, str], Callable[[], object]] = {}
        self.prompts: list[Prompt] = []
        """All of this session, oldest first."""
        self.suppressed: set[str] = set()
        """Message ids that are confirmed by themselves."""

    def begin(self, questions: Iterable[Question], submit: Callable[[], object]) -> object:
        """The first question as `Asked`, or what `submit` gives when there is none to ask."""
        self._stale |= self._open
        self._open.clear()
        asked: dict[str, Question] = {}
        for question in questions:
            if question.id not in self.suppressed:
                asked.setdefault(question.id, question)
        return self._go_on(_Pending(list(asked.values()), submit))

    def _go_on(self, pending: _Pending) -> object:
        if not pending.questions:
            return pending.submit()
        identity = str(uuid4())
        self._open[identity] = pending
        return Asked(identity, pending.questions.pop(0))

    def reply(self, identity: str, *, is_confirmed: bool) -> object:
        """
        The next question, or what the submission gives.

        Raises `Unknown`, `Stale` or `Declined`.
        """
        if identity in self._stale:
            self.lose(identity, goes_live=is_confirmed and self._random.random() < 0.5)
        pending = self._open.pop(identity, None)
        if pending is None:
            raise Unknown(identity)
        if not is_confirmed:
            raise Declined
        return self._go_on(pending)

    def lose(self, identity: str, *, goes_live: bool) -> None:
        """Answer a question as a stale one. Raises `Stale`, or `Unknown` where there is none."""
        pending = self._open.pop(identity, None) or self._stale.pop(identity, None)
        if pending is None:
            raise Unknown(identity)
        if goes_live:
            pending.submit()
        raise Stale

    def prompt(self, order_id: int, text: str, submit: Callable[[], object]) -> Prompt:
        """Hold a submission back until `answer`."""
        prompt = Prompt(order_id, str(FIRST_REQUEST + len(self.prompts)), text)
        self.prompts.append(prompt)
        self._prompted[prompt.order_id, prompt.request_id] = submit
        return prompt

    def answer(self, order_id: int, request_id: str, text: str) -> None:
        """Yes lets the order go, everything else drops it. Raises `Unknown`."""
        submit = self._prompted.pop((order_id, request_id), None)
        if submit is None:
            raise Unknown(request_id)
        if text == OPTIONS[0]:
            submit()

    def clear(self) -> None:
        """The session is over: its questions and what it suppressed go with it."""
        self._open.clear()
        self._stale.clear()
        self._prompted.clear()
        self.prompts.clear()
        self.suppressed.clear()

    def __len__(self) -> int:
        return len(self._open)
