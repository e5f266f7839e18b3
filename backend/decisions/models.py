"""Signals and questions in narrow rows, made out of lineage records: lists read no records."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.database import Model
from backend.core.values import Timeframe
from backend.decisions.results import Touched
from backend.trading.signal import Action
from backend.workflow.outcome import Outcome


class Decision(Model):
    """
    One signal as its record has it, and what its primary timeframe's bars did afterwards.

    Everything above `next_look_at` is copied once and never changed, but for `outcome`, which
    comes when the execution ends. Fractions of `after_*` are in the signal's direction, for a HOLD
    in a buyer's; they are of bars that began at or after `as_of`.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        Index("decisions_by_record", "recorded_at"),
        Index("decisions_by_strategy", "strategy_id", "as_of", "execution_id"),
        Index("decisions_by_symbol", "symbol", "as_of", "execution_id"),
        Index("decisions_by_contract", "conid", "as_of", "execution_id"),
        Index("decisions_by_action", "action", "as_of", "execution_id"),
        Index("decisions_by_outcome", "outcome", "as_of", "execution_id"),
        Index("decisions_by_moment", "as_of", "execution_id"),
        Index(
            "decisions_to_look_at",
            "next_look_at",
            postgresql_where=text("next_look_at IS NOT NULL"),
        ),
        Index(
            "decisions_without_outcome", "execution_id", postgresql_where=text("outcome IS NULL")
        ),
        # A summary reads this alone, and no row.
        Index(
            "decisions_summed_up",
            *("as_of", "strategy_id", "symbol", "action", "outcome", "confidence", "after_5"),
            *("has_plan",),
        ),
    )

    execution_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("executions.id"), primary_key=True, autoincrement=False
    )
    recorded_at: Mapped[datetime]
    strategy_id: Mapped[int] = mapped_column(ForeignKey("strategies.id"))
    strategy_version_id: Mapped[int] = mapped_column(ForeignKey("strategy_versions.id"))
    symbol: Mapped[str]
    conid: Mapped[int] = mapped_column(BigInteger)
    contract: Mapped[dict[str, Any]]
    """As in the record; read by `following.py`."""
    timeframe: Mapped[Timeframe]
    as_of: Mapped[datetime]
    last_bar_time: Mapped[int] = mapped_column(BigInteger)
    """Start of the last bar that was seen, UTC milliseconds."""
    last_close: Mapped[Decimal]
    action: Mapped[Action]
    reason_code: Mapped[str]
    sentence: Mapped[str]
    confidence: Mapped[float | None]
    entry: Mapped[Decimal | None]
    stop: Mapped[Decimal | None]
    targets: Mapped[list[str]]
    """Prices, nearest first."""
    reward_to_risk: Mapped[Decimal | None]
    analyst: Mapped[str | None]
    """None where the rules alone decided."""
    is_rule_based: Mapped[bool]
    claims: Mapped[int]
    claims_wrong: Mapped[int]
    chart_sha256: Mapped[str | None] = mapped_column(String(64))
    closes: Mapped[list[float]] = mapped_column(JSONB)
    """The last closes that were seen, where there is no picture."""
    is_simulated: Mapped[bool]
    has_plan: Mapped[bool] = mapped_column(default=False)
    """It came to an order, or to a plan that mode observe kept back."""
    outcome: Mapped[Outcome | None]

    next_look_at: Mapped[datetime | None]
    """When the next bar that counts has closed; None once all is known, or nothing more will be."""
    bars_after: Mapped[int] = mapped_column(default=0)
    """How many bars had closed after the decision when it was last looked at."""
    after_1: Mapped[float | None]
    after_5: Mapped[float | None]
    after_20: Mapped[float | None]
    touched: Mapped[Touched | None]
    touched_bar: Mapped[int | None]
    touch_is_ambiguous: Mapped[bool] = mapped_column(default=False)
    """One bar reached both; the stop counts, since that is the worse."""


class Question(Model):
    """One question to an analyst: by which versions of which prompts, and what it cost."""

    __tablename__ = "questions"
    __table_args__ = (
        Index("questions_by_record", "recorded_at"),
        Index("questions_by_prompt", "prompt_version_id", "execution_id"),
        Index("questions_by_system_prompt", "system_version_id", "execution_id"),
    )

    execution_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("executions.id"), primary_key=True, autoincrement=False
    )
    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    """The timeframe that was asked about, or `view`."""
    recorded_at: Mapped[datetime]
    prompt_version_id: Mapped[int] = mapped_column(ForeignKey("prompt_versions.id"))
    system_version_id: Mapped[int] = mapped_column(ForeignKey("prompt_versions.id"))
    analyst: Mapped[str]
    is_rule_based: Mapped[bool]
    model: Mapped[str]
    tokens: Mapped[int]
    cost_usd: Mapped[Decimal]
    seconds: Mapped[float]
    attempts: Mapped[int]
    reason_code: Mapped[str | None]
    """Why there is no opinion, such as `refused`."""
