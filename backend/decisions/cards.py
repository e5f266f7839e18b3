"""What a page says of one decision, in words and positions."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Literal

from backend.decisions.models import Decision
from backend.decisions.results import HORIZONS, Touched, in_risks
from backend.decisions.service import Listed
from backend.trading.signal import Action

Kind = Literal["stop", "entry", "target", "last"]


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A price on the ladder; `at` runs from 0, the lowest price shown, to 1."""

    kind: Kind
    label: str
    price: Decimal
    at: float


@dataclass(frozen=True, kw_only=True)
class After:
    """What is known of one horizon: a return, or when it will be, or that it never will."""

    bars: int
    fraction: float | None = None
    risks: float | None = None
    pending: int | None = None

    @property
    def state(self) -> str:
        if not self.fraction:
            return "idle"
        return "good" if self.fraction > 0 else "bad"

    @property
    def wait(self) -> str:
        if self.pending is None:
            return "no bars"
        return f"in {self.pending} bar{'s' if self.pending > 1 else ''}"


@dataclass(frozen=True)
class Card:
    listed: Listed

    @property
    def decision(self) -> Decision:
        return self.listed.decision

    @property
    def is_trade(self) -> bool:
        return self.decision.action is not Action.HOLD

    @property
    def zone(self) -> str:
        zone: str = self.decision.contract["timezone"]
        return zone

    @property
    def currency(self) -> str:
        currency: str = self.decision.contract["currency"]
        return currency

    @property
    def said_by(self) -> str:
        if self.decision.analyst is None:
            return "rules alone"
        return "rule-based, no model" if self.decision.is_rule_based else self.decision.analyst

    @cached_property
    def rungs(self) -> list[Rung]:
        """Stop, entry and targets in the order of their prices; none where nothing was planned."""
        each = self.decision
        if each.entry is None or each.stop is None:
            return []
        prices: list[tuple[Kind, str, Decimal]] = [
            ("stop", "Stop", each.stop),
            ("entry", "Entry", each.entry),
        ]
        many = len(each.targets) > 1
        for number, price in enumerate(each.targets, start=1):
            prices.append(("target", f"Target {number}" if many else "Target", Decimal(price)))
        low = min(price for _, _, price in prices)
        reach = max(price for _, _, price in prices) - low or Decimal(1)
        return [
            Rung(kind=kind, label=label, price=price, at=float((price - low) / reach))
            for kind, label, price in sorted(prices, key=lambda item: item[2])
        ]

    @cached_property
    def after(self) -> list[After]:
        return [self._after(horizon) for horizon in HORIZONS]

    def _after(self, horizon: int) -> After:
        each = self.decision
        fraction: float | None = getattr(each, f"after_{horizon}")
        if fraction is None:
            is_open = each.next_look_at is not None and each.bars_after < horizon
            return After(bars=horizon, pending=horizon - each.bars_after if is_open else None)
        risks = None
        if self.is_trade and each.entry is not None and each.stop is not None:
            risks = in_risks(fraction, float(each.entry), float(each.stop))
        return After(bars=horizon, fraction=fraction, risks=risks)

    @property
    def touched(self) -> tuple[str, str] | None:
        """(State, sentence) of what was reached first; None for a HOLD."""
        each = self.decision
        if not self.is_trade or each.stop is None:
            return None
        if each.touched is None:
            return ("idle", f"Neither stop nor target so far: {each.bars_after} of 20 bars seen")
        said = f"{each.touched.value.capitalize()} reached first, in bar {each.touched_bar}"
        if each.touch_is_ambiguous:
            return ("bad", f"{said}; that bar reached both, so the stop counts")
        return ("bad" if each.touched is Touched.STOP else "good", said)

    @property
    def as_of(self) -> datetime:
        return self.decision.as_of
