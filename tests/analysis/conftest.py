"""A scripted model server and an analyst that talks to it through the real client."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from backend.analysis.base import Answer, Request, Usage
from backend.analysis.openai import OpenAIAnalyst
from backend.core.errors import OutsideError
from backend.core.settings import ModelPrice, Settings
from tests.support.openai_server import OpenAIServer


@dataclass
class Ledger:
    """A budget in memory: what was set aside and what was used."""

    tokens: int = 10_000_000
    usd: Decimal = Decimal(1000)
    reserved: list[tuple[int, Decimal]] = field(default_factory=list)
    settled: list[tuple[str, Usage]] = field(default_factory=list)
    breaks_with: Exception | None = None

    def reserve(self, *, tokens: int, usd: Decimal) -> str:
        if self.breaks_with is not None:
            raise self.breaks_with
        if tokens > self.tokens or usd > self.usd:
            raise OutsideError("The day's budget is used up.", code="budget")
        self.reserved.append((tokens, usd))
        return f"reservation-{len(self.reserved)}"

    def is_spent(self) -> bool:
        return self.tokens <= 0 or self.usd <= 0

    def settle(self, reservation: str, usage: Usage) -> None:
        self.settled.append((reservation, usage))


@dataclass
class Shelf:
    """A cache in memory, through the stored shape and back."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)

    def get(self, request_hash: str) -> Answer | None:
        document = self.documents.get(request_hash)
        return None if document is None else Answer.from_json(document)

    def put(self, answer: Answer) -> None:
        self.documents[answer.request_hash] = answer.to_json()


@dataclass
class Bench:
    """Everything a test of the model's analyst looks at."""

    server: OpenAIServer
    settings: Settings
    ledger: Ledger = field(default_factory=Ledger)
    shelf: Shelf = field(default_factory=Shelf)
    slept: list[float] = field(default_factory=list)

    def analyst(self, **changes: Any) -> OpenAIAnalyst:
        return OpenAIAnalyst(
            self.settings.model_copy(update=changes),
            budget=self.ledger,
            cache=self.shelf,
            sleep=self.slept.append,
        )

    def ask(self, **changes: Any) -> Answer:
        return self.analyst().analyze(question(**changes))


def question(**changes: Any) -> Request:
    defaults: dict[str, Any] = {
        "kind": "chart",
        "system": "You are an analyst.",
        "prompt": "What do you see?",
        "model": "gpt-5-mini",
    }
    return Request(**{**defaults, **changes})


@pytest.fixture(scope="module")
def _server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def bench(_server: OpenAIServer) -> Bench:
    _server.script.clear()
    _server.requests.clear()
    settings = Settings(
        _env_file=None,
        openai_base_url=_server.url,
        openai_api_key=SecretStr(OpenAIServer.key),
        openai_timeout_seconds=5,
        openai_prices={
            "gpt-5-mini": ModelPrice(input=Decimal("0.25"), output=Decimal("2")),
            "free": ModelPrice(input=Decimal(0), output=Decimal(0)),
        },
    )
    return Bench(_server, settings)
