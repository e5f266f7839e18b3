"""The model as an analyst, through OpenAI's client and any server that speaks its protocol."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import perf_counter, sleep
from typing import Any, Self

from backend.analysis import openai_protocol as protocol
from backend.analysis.base import (
    Answer,
    AnswerCache,
    Attempt,
    Budget,
    Opinion,
    Request,
    Usage,
    analysts,
    request_hash,
)
from backend.analysis.openai_protocol import Failure, Reply
from backend.analysis.purse import Purse
from backend.analysis.schema import opinion_schema
from backend.analysis.validity import read_opinion
from backend.core.hashing import canonical_json
from backend.core.logging import get_logger
from backend.core.settings import ModelPrice, Settings

_REPAIRS = 2
_RETRIES = 3
"""Over one whole analysis; a time-out counts twice, since it has already taken its time."""
_LONGEST_WAIT = 30.0
_log = get_logger(__name__)


@analysts.register("openai")
class OpenAIAnalyst:
    """
    Asks, waits, repairs and pays within bounds; every call is in the answer's attempts.

    The worst case of each call is reserved with the budget before it goes out. A budget that
    refuses, or that cannot be reached, means no call.
    """

    name = "openai"
    is_rule_based = False

    def __init__(
        self,
        settings: Settings,
        *,
        budget: Budget,
        cache: AnswerCache | None = None,
        sleep: Callable[[float], None] = sleep,
    ) -> None:
        self._settings = settings
        self._budget = budget
        self._cache = cache
        self._sleep = sleep

    @classmethod
    def create(cls, settings: Settings, *, budget: Budget, cache: AnswerCache | None) -> Self:
        return cls(settings, budget=budget, cache=cache)

    def analyze(self, request: Request) -> Answer:
        """
        See `Analyst`. Raises only what the cache raises when it is asked for an answer, and
        `TemporaryError` while the budget is away.
        """
        blank = self._blank(request)
        if request.use_cache and self._cache is not None:
            known = self._cache.get(blank.request_hash)
            if known is not None:
                return replace(known, from_cache=True, usage=Usage(), seconds=0.0, attempts=())
        price = self._settings.openai_prices.get(request.model)
        refused = self._not_ready(request, price)
        if price is None or refused is not None:
            code, sentence = refused or ("no_price", "")
            return replace(blank, reason_code=code, refusal=sentence)
        answer = self._converse(request, price, blank)
        if answer.opinion is not None and self._cache is not None:
            self._remember(self._cache, answer)
        return answer

    def request_hash(self, request: Request) -> str:
        return request_hash(
            request, analyst=self.name, parameters=_parameters(request), schema=opinion_schema()
        )

    def _blank(self, request: Request) -> Answer:
        """What is known of an answer before anything was asked."""
        return Answer(
            analyst=self.name,
            is_rule_based=False,
            opinion=None,
            refusal=None,
            reason_code=None,
            raw=(),
            model=request.model,
            parameters={
                **_parameters(request),
                # The server may give the one that answers a longer name.
                "model": request.model,
                "base_url": self._settings.openai_base_url,
            },
            usage=Usage(),
            seconds=0.0,
            finish_reason="",
            request_hash=self.request_hash(request),
        )

    def _not_ready(self, request: Request, price: ModelPrice | None) -> tuple[str, str] | None:
        if not self._settings.openai_api_key.get_secret_value():
            return "not_configured", (
                "Set OPENAI_API_KEY to ask a model; any word will do for a local server that"
                " wants no key."
            )
        if price is None:
            return "no_price", (
                f"OPENAI_PRICES has no price for the model {request.model!r}, so its cost cannot"
                f' be held to the budget. Add "{request.model}": {{"input": ..., "output": ...}}'
                " in US dollars per million tokens (0 for a model of your own)."
            )
        return None

    def _converse(self, request: Request, price: ModelPrice, blank: Answer) -> Answer:
        base_url = self._settings.openai_base_url
        client = protocol.client(self._settings.openai_api_key.get_secret_value(), base_url)
        seconds = self._settings.openai_timeout_seconds

        def send(messages: list[dict[str, Any]]) -> Reply | Failure:
            arguments = protocol.body(request, messages, base_url)
            return protocol.ask(client, arguments, seconds=seconds)

        purse = Purse(self._budget, price, request)
        return _Conversation(send, purse, self._sleep, request).run(blank)

    def _remember(self, cache: AnswerCache, answer: Answer) -> None:
        try:
            cache.put(answer)
        except Exception:
            # The answer is paid for and good; losing its copy only costs money later.
            _log.exception("answer_not_cached", request_hash=answer.request_hash)


def _parameters(request: Request) -> dict[str, Any]:
    return {
        "temperature": request.temperature,
        "max_output_tokens": request.max_output_tokens,
        "image_detail": protocol.IMAGE_DETAIL,
    }


@dataclass
class _Conversation:
    """One question with its retries and repairs."""

    send: Callable[[list[dict[str, Any]]], Reply | Failure]
    purse: Purse
    sleep: Callable[[float], None]
    request: Request
    attempts: list[Attempt] = field(default_factory=list)
    retries_left: int = _RETRIES
    repairs: list[dict[str, Any]] = field(default_factory=list)
    model: str = ""
    """As the server names the one that answered."""
    finish_reason: str = ""

    def run(self, blank: Answer) -> Answer:
        begun = perf_counter()
        outcome = self._until_usable()
        answer = replace(
            blank,
            raw=tuple(attempt.raw for attempt in self.attempts if attempt.raw is not None),
            model=self.model or blank.model,
            usage=sum((attempt.usage for attempt in self.attempts), Usage()),
            seconds=perf_counter() - begun,
            finish_reason=self.finish_reason,
            attempts=tuple(self.attempts),
        )
        if isinstance(outcome, Opinion):
            return replace(answer, opinion=outcome)
        return replace(answer, reason_code=outcome.code, refusal=outcome.sentence)

    def _until_usable(self) -> Opinion | Failure:
        problem = ""
        for _ in range(1 + _REPAIRS):
            came = self._ask_patiently()
            if isinstance(came, Failure):
                return came
            self.model, self.finish_reason = came.model, came.finish_reason
            outcome = _judge(came)
            if isinstance(outcome, Opinion):
                return outcome
            last = self.attempts[-1]
            self.attempts[-1] = replace(last, outcome=outcome.code, detail=outcome.sentence)
            if outcome.code != "invalid_answer":
                return outcome
            problem = outcome.sentence
            self._ask_for_repair(came.text, problem)
        return Failure(
            code="invalid_answer",
            sentence=f"No usable answer came in {1 + _REPAIRS} tries: {problem}",
        )

    def _ask_patiently(self) -> Reply | Failure:
        """Ask until an answer comes, or waiting longer makes no sense."""
        while True:
            came = self._ask_once()
            if isinstance(came, Reply) or not self._may_retry(came):
                return came
            tried = _RETRIES - self.retries_left
            self.retries_left -= 2 if came.code == "timeout" else 1
            # Workers that were refused together must not come back together.
            pause = 2**tried * random.uniform(0.75, 1.25)
            self.sleep(pause if came.wait_seconds is None else came.wait_seconds)

    def _may_retry(self, failure: Failure) -> bool:
        costs = 2 if failure.code == "timeout" else 1
        is_near = (failure.wait_seconds or 0) <= _LONGEST_WAIT
        return failure.is_temporary and is_near and self.retries_left >= costs

    def _ask_once(self) -> Reply | Failure:
        messages = [*protocol.first_messages(self.request), *self.repairs]
        held = self.purse.hold(self._texts())
        if isinstance(held, Failure):
            return held
        begun = perf_counter()
        came = self.send(messages)
        self.attempts.append(
            Attempt(
                outcome="answered" if isinstance(came, Reply) else came.code,
                detail="" if isinstance(came, Reply) else came.sentence,
                raw=came.text if isinstance(came, Reply) else None,
                seconds=perf_counter() - begun,
                usage=self.purse.pay(held, came),
            )
        )
        return came

    def _texts(self) -> list[str]:
        """Everything that a server counts as prompt, apart from images."""
        schema = canonical_json(opinion_schema()).decode()
        repairs = [str(message["content"]) for message in self.repairs]
        return [self.request.system, self.request.prompt, schema, *repairs]

    def _ask_for_repair(self, text: str, problems: str) -> None:
        self.repairs = [
            {"role": "assistant", "content": text},
            {
                "role": "user",
                "content": f"That answer cannot be used. {problems} Answer the same question"
                " again as one JSON object of the given schema, with these faults mended.",
            },
        ]


def _judge(reply: Reply) -> Opinion | Failure:
    if reply.refusal or reply.finish_reason == "content_filter":
        said = " ".join((reply.refusal or "content filter").split())[:300]
        return Failure(code="refused", sentence=f"The model refused: {said}")
    if reply.finish_reason == "length":
        return Failure(
            code="truncated",
            sentence="The answer was cut off at the limit of output tokens."
            " Raise the strategy's limit of output tokens.",
        )
    opinion, problems = read_opinion(reply.text)
    if opinion is None:
        return Failure(code="invalid_answer", sentence=" ".join(problems))
    return opinion
