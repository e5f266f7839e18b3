"""A WebSocket client's commands, and what it listens to."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from backend.papergateway.trading.ledger import Fill
from backend.papergateway.trading.orders import Order
from backend.papergateway.world import World

FIRST_SERVER_ID = 87_567


@dataclass
class Stream:
    """One contract's market data: what was asked for, what was sent last, until when."""

    conid: int
    fields: list[str]
    ends_at_ms: int
    sent: dict[str, Any] = field(default_factory=dict)


@dataclass
class AccountFeed:
    """An account topic: which keys and fields of it, and what was sent last."""

    keys: list[str]
    fields: list[str]
    next_ms: int = 0
    sent: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class OrderFeed:
    """How far this client has heard of orders, and each order's row as it was sent last."""

    heard: int
    statuses: set[str]
    """The only ones to be told of, in small letters; none are all."""
    sent: dict[int, dict[str, Any]] = field(default_factory=dict)

    def wants(self, order: Order) -> bool:
        return not self.statuses or order.status.lower() in self.statuses


@dataclass
class TradeFeed:
    """How many executions this client has heard of, and which of them without a commission."""

    heard: int
    untold: list[Fill] = field(default_factory=list)


@dataclass
class PnlFeed:
    """What was sent last, and when."""

    sent: dict[str, Any] = field(default_factory=dict)
    next_ms: int = 0


@dataclass
class Subscriptions:
    """What one client listens to."""

    streams: dict[str, Stream] = field(default_factory=dict)
    histories: dict[str, int] = field(default_factory=dict)
    summaries: dict[str, AccountFeed] = field(default_factory=dict)
    ledgers: dict[str, AccountFeed] = field(default_factory=dict)
    ladders: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    orders: OrderFeed | None = None
    trades: TradeFeed | None = None
    pnl: PnlFeed | None = None
    prompts_heard: int = 0
    next_server_id: int = FIRST_SERVER_ID


class Client(Protocol):
    """The connection, as a topic sees it."""

    world: World
    subscriptions: Subscriptions

    async def send(self, frame: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Command:
    """`<verb>+<target>+<json>`; targets and JSON may be missing."""

    verb: str
    targets: tuple[str, ...]
    options: dict[str, Any]

    @property
    def target(self) -> str:
        return self.targets[0] if self.targets else ""


def parse(text: str) -> Command | None:
    """None for what carries no command: an empty frame or the old session frame."""
    head, brace, rest = text.strip().partition("{")
    if not head:
        return None
    options: Any = {}
    if brace:
        try:
            options = orjson.loads(brace + rest)
        except orjson.JSONDecodeError:
            options = {}
    verb, *targets = head.strip("+ \n").split("+")
    return Command(verb, tuple(targets), options if isinstance(options, dict) else {})
