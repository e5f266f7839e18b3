"""What goes wrong around each order: drawn by a seed, so that a run can be had again."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from backend.papergateway.account import ACCOUNT

Fault = dict[str, Any]

SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
PLACING = f"iserver/account/{ACCOUNT}/orders"
READING = "iserver/account/orders"
TRADES = "iserver/account/trades"
REPLY = "iserver/reply/*"
ONE_ORDER = f"iserver/account/{ACCOUNT}/order/*"
PREVIEW = f"{PLACING}/whatif"

UNANSWERED = 500.0
"""Seconds of the gateway's clock: longer than our client waits, at any speed used here."""

_WRONG_ANSWERS: tuple[Fault, ...] = (
    {"kind": "drop"},
    {"kind": "drop_after"},
    {"kind": "error", "status": 503},
    {"kind": "error_after", "status": 503},
    {"kind": "stall"},
    {"kind": "empty"},
    {"kind": "html", "status": 200},
    {"kind": "rate_limit"},
    {"kind": "fake_401"},
)
_AROUND_ORDERS: tuple[Fault, ...] = (
    {"kind": "order_refused"},
    {"kind": "order_refused_later"},
    {"kind": "slow_acknowledgement", "seconds": 45},
    {"kind": "partial_fill", "shares": 3, "seconds": 90},
    {"kind": "late_commission", "seconds": 120},
    {"kind": "child_refused"},
    {"kind": "child_cancelled"},
    {"kind": "unknown_question"},
    {"kind": "prompt"},
    {"kind": "error_200"},
)
_SESSION: tuple[Fault, ...] = (
    {"kind": "session_id"},
    {"kind": "nightly_reset"},
    {"kind": "competing"},
    {"kind": "logout"},
    {"kind": "sso_expired"},
)
_FRAMES: tuple[Fault, ...] = (
    {"kind": "frame_twice"},
    {"kind": "frame_late"},
    {"kind": "frame_bytes"},
    {"kind": "frame_lost"},
    {"kind": "frame_cut"},
)
POINTS = (
    "before preview",
    "before place",
    "after place",
    "before reply",
    "after reply",
    "before orders",
    "after orders",
    "after fills",
    "after cancel",
    *(f"before commit {number}" for number in range(1, 7)),
    *(f"after commit {number}" for number in range(1, 7)),
)
"""Where a worker dies: around what it asks of the broker, and around each commit of its steps."""
TRACKER_POINTS = (
    "after orders",
    "after fills",
    "before cancel",
    "after cancel",
    "before commit 2",
    "after commit 3",
)
_OUTAGES = ("restart", "kill")


@dataclass(frozen=True, kw_only=True)
class Mishap:
    number: int
    symbol: str
    faults: tuple[Fault, ...] = ()
    """Of the paper gateway."""
    death: str | None = None
    """The point at which its worker is killed."""
    tracker_death: str | None = None
    outage: str | None = None
    """The gateway restarts within itself, or its process is killed, `after` so many seconds."""
    after: float = 1.0
    order: dict[str, Any] = field(default_factory=lambda: {"order_type": "MKT"})
    """How the strategy's order differs from the usual."""

    @property
    def sentence(self) -> str:
        told = [str(fault["kind"]) for fault in self.faults]
        told += [f"worker killed {self.death}"] if self.death else []
        told += [f"tracker killed {self.tracker_death}"] if self.tracker_death else []
        told += [f"gateway {self.outage}"] if self.outage else []
        return ", ".join(told)


def death_key(name: object) -> str:
    """Where Redis keeps the point at which an execution's worker, or the `tracker`, is to die."""
    return f"bench:faults:death:{name}"


LAST_REPLY = 4
"""A market order with its bracket is asked about so often; then the order lives."""
_LATE: Fault = {"kind": "delay_after", "seconds": 90}


def matrix() -> list[Mishap]:
    """One of each place at which an order's way can break, and nothing left to chance."""
    last = {"path": REPLY, "method": "POST", "after": LAST_REPLY - 1, "times": 1}
    breaks: list[dict[str, Any]] = [
        {"death": "before place"},
        {"death": "during place", "faults": ({**_LATE, "method": "POST", **_at(PLACING)},)},
        {"death": "after place"},
        {"death": "before reply 2"},
        {"death": f"during reply {LAST_REPLY}", "faults": ({**_LATE, **last},)},
        {"death": f"after reply {LAST_REPLY}"},
        {"faults": ({"kind": "error_after", "status": 503, **last},)},
        {"faults": ({"kind": "drop_after", **last},)},
        {"outage": "restart"},
        {"outage": "kill"},
        {"tracker_death": "after fills"},
        {"tracker_death": "before commit 2"},
    ]
    return [
        Mishap(number=number, symbol=SYMBOLS[number % len(SYMBOLS)], **each)
        for number, each in enumerate(breaks, 1)
    ]


def draw(count: int, *, seed: int) -> list[Mishap]:
    """Each has at least one thing that goes wrong, and many have several."""
    chance = Random(seed)
    return [_draw(number, chance) for number in range(1, count + 1)]


def _draw(number: int, chance: Random) -> Mishap:
    faults = [_fault(chance)] if chance.random() < 0.85 else []
    if chance.random() < 0.2:
        faults.append(_fault(chance))
    is_killed = not faults or chance.random() < 0.35
    return Mishap(
        number=number,
        symbol=SYMBOLS[number % len(SYMBOLS)],
        faults=tuple(faults),
        death=chance.choice(POINTS) if is_killed else None,
        tracker_death=chance.choice(TRACKER_POINTS) if chance.random() < 0.12 else None,
        outage=chance.choice(_OUTAGES) if chance.random() < 0.08 else None,
        after=chance.uniform(0.2, 3.0),
        order={"order_type": chance.choice(("LMT", "MKT", "MKT"))},
    )


def _fault(chance: Random) -> Fault:
    kind = chance.random()
    if kind < 0.3:
        return _once(chance.choice(_WRONG_ANSWERS), PLACING, "POST")
    if kind < 0.42:
        return _once(chance.choice(_WRONG_ANSWERS), REPLY, "POST")
    if kind < 0.48:
        return {"kind": chance.choice(("stale_reply_live", "stale_reply_lost")), **_at(REPLY)}
    if kind < 0.72:
        return {**chance.choice(_AROUND_ORDERS), **_at(PLACING)}
    if kind < 0.80:
        path = chance.choice((READING, TRADES, PREVIEW, ONE_ORDER))
        return {**chance.choice(_WRONG_ANSWERS[:7]), **_at(path), "times": chance.randint(1, 3)}
    if kind < 0.88:
        path = chance.choice((PLACING, REPLY, READING))
        return _once(chance.choice(_SESSION), path, None)
    if kind < 0.98:
        frames = {"path": chance.choice(("sor", "str")), "times": chance.randint(1, 3)}
        return {**chance.choice(_FRAMES), **frames}
    rare: tuple[Fault, ...] = (
        {"kind": "delay_after", "seconds": UNANSWERED, "method": "POST", **_at(PLACING)},
        {"kind": "penalty_box", "method": "POST", **_at(PLACING)},
        {"kind": "no_heartbeat", "path": "system", "times": 20},
    )
    return chance.choice(rare)


def _at(path: str) -> Fault:
    return {"path": path, "times": 1}


def _once(fault: Fault, path: str, method: str | None) -> Fault:
    return {**fault, **_at(path), **({"method": method} if method else {})}
