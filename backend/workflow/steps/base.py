"""What a step is: a name, the facts it asks for, the facts it finds, and a function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict

from backend.analysis.base import Analyst, Budget, Usage
from backend.brokers.base import Broker, Contract, Quote
from backend.charts import Pictures
from backend.core.clock import Clock
from backend.core.registry import Registry
from backend.core.values import Bars, Timeframe
from backend.storage.base import Artifact, Storage
from backend.trading.limits import LimitsInForce
from backend.trading.oversight import EquityHistory, Halt, PastOrder
from backend.trading.own_books import OwnBooks
from backend.workflow.asking import Approvals
from backend.workflow.placing import Desk


class StepData(BaseModel):
    """Base of every step's `Input` and `Output`; field names are fact names."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ArtifactRef(BaseModel):
    """A fact that is too big for a record: where its bytes lie."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    content_type: str
    size: int


class FetchedBars(Protocol):
    """`bars` were closed at the moment asked for; `fetched` counts those that were not cached."""

    @property
    def bars(self) -> Bars: ...
    @property
    def is_delayed(self) -> bool: ...
    @property
    def cache_hit(self) -> bool: ...
    @property
    def fetched(self) -> int: ...
    @property
    def was_readjusted(self) -> bool: ...


class MarketData(Protocol):
    """Contracts and bars, cached; raises what `Broker` raises, and `InvalidInput` for symbols."""

    def resolve(self, symbol: str) -> Contract: ...

    def bars(
        self, contract: Contract, timeframe: Timeframe, count: int, as_of: datetime
    ) -> FetchedBars: ...

    def quote(self, contract: Contract) -> Quote: ...


class Journal(Protocol):
    """What this engine did before, as far as limits ask."""

    def orders_since(self, since: datetime) -> tuple[PastOrder, ...]:
        """Orders of all strategies; in mode observe the plans that would have been orders."""
        ...


class Safeguards(Protocol):
    """What people set above the strategies, and what was seen of an account's equity."""

    def halts(self) -> tuple[Halt, ...]:
        """Every kill switch that is pulled now, the widest first."""
        ...

    def limits(self, account: str) -> LimitsInForce: ...

    def why_not_live(self, account: str) -> str | None:
        """Why no order of this live account may go out; None where a person has confirmed it."""
        ...

    def equity(self, account: str, now: datetime) -> EquityHistory | None:
        """None before anything was seen."""
        ...

    def own_books(self, *, account: str, strategy_id: int, conid: int) -> OwnBooks:
        """The strategy's open trades in the instrument, and what is in doubt of the account."""
        ...


@dataclass
class Notes:
    """What a step leaves behind beside its facts; the engine starts a new one for every step."""

    artifacts: list[Artifact] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Everything a step may reach outside itself."""

    clock: Clock
    broker: Broker
    market: MarketData
    storage: Storage
    renderer: Pictures | None
    """None where charts are switched off; a strategy may go on with numbers only."""
    analyst: Analyst
    budget: Budget
    journal: Journal
    safeguards: Safeguards
    approvals: Approvals
    desk: Desk
    notes: Notes = field(default_factory=Notes)

    def keep(self, name: str, data: bytes, content_type: str) -> ArtifactRef:
        """Put bytes into storage and into this step's record."""
        sha256 = self.storage.put(data)
        self.notes.artifacts.append(
            Artifact(name=name, sha256=sha256, content_type=content_type, size=len(data))
        )
        return ArtifactRef(sha256=sha256, content_type=content_type, size=len(data))

    def keep_json(self, name: str, document: Any) -> ArtifactRef:
        """The same document always gives the same bytes, so it is kept once."""
        data = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
        return self.keep(name, data, "application/json")

    def load_json(self, ref: ArtifactRef) -> Any:
        return orjson.loads(self.storage.get(ref.sha256))

    def load_bars(self, ref: ArtifactRef) -> Bars:
        return Bars.from_json(self.load_json(ref))

    def note(self, sentence: str, **details: Any) -> None:
        """A line for the record's log."""
        self.notes.lines.append({"at": self.clock.now().isoformat(), "note": sentence, **details})

    def spend(self, usage: Usage) -> None:
        self.notes.tokens += usage.input_tokens + usage.output_tokens
        self.notes.cost_usd += usage.cost_usd


class Touches(StrEnum):
    """What a step reaches beside facts and artifacts: a replay goes by it."""

    NOTHING = "nothing"  #: the same facts give the same result, so a replay runs it again
    OUTSIDE = "outside"  #: reads what will never be the same: a replay gives back what is on record
    ANALYST = "analyst"  #: asks: a replay answers from the record, and asks only a changed question
    ORDERS = "orders"  #: changes something outside: a replay never runs it


@dataclass(frozen=True, kw_only=True)
class Step:
    name: str
    input: type[StepData]
    output: type[StepData]
    touches: Touches
    run: Callable[[Any, Tools], StepData]

    @property
    def needs(self) -> set[str]:
        return {name for name, field in self.input.model_fields.items() if field.is_required()}

    @property
    def finds(self) -> set[str]:
        return set(self.output.model_fields)


steps: Registry[Step] = Registry("step")

In = TypeVar("In", bound=StepData)
Out = TypeVar("Out", bound=StepData)

Facts = Mapping[str, Any]
"""Fact name -> JSON value; what lineage keeps and the next steps ask for."""


def step(
    name: str, *, input: type[In], output: type[Out], touches: Touches
) -> Callable[[Callable[[In, Tools], Out]], Callable[[In, Tools], Out]]:
    """Make a function one of the steps a workflow can be made of."""

    def keep(run: Callable[[In, Tools], Out]) -> Callable[[In, Tools], Out]:
        steps.register(name)(Step(name=name, input=input, output=output, touches=touches, run=run))
        return run

    return keep
