"""Decisions as a chart of prices needs them; who keeps decisions provides them to the pages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from backend.core.values import Timeframe


@dataclass(frozen=True, kw_only=True)
class DecisionMark:
    """`bar_time` is the start of the last bar that was seen, UTC milliseconds."""

    execution_id: int
    strategy_name: str
    timeframe: Timeframe
    action: str
    confidence: float | None
    as_of: datetime
    bar_time: int


Marks = Callable[[Session, int, Timeframe | None, int], Sequence[DecisionMark]]
"""(Session, conid, timeframe or all, the most to give) -> the newest decisions, newest first."""
