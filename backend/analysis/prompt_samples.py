"""Values to try a prompt with when it is saved: plenty in one, as little as can be in the other."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np

from backend.analysis.base import Opinion
from backend.analysis.facts import ChartFacts, ChartOpinion, ViewFacts, facts_for
from backend.analysis.prompt_variables import (
    PromptKind,
    chart_variables,
    system_variables,
    view_variables,
)
from backend.analysis.rule_based import judge_chart
from backend.analysis.standing import Held, HeldTrade, Standing, WorkingOrder
from backend.core.values import Bars, Timeframe

_DAY_MS = 86_400_000
_HOLDING = Standing(
    position=Held(quantity=100, average_cost=120.5, unrealized_pnl=1850),
    own_trade=HeldTrade(
        side="long",
        quantity=100,
        planned=100,
        entry_price=120.5,
        stop=112,
        best_price=141,
        worst_price=118,
        opened="2025-12-01 20:40 UTC",
        profit_per_share=18.5,
        r=2.18,
        entry_reason="The trend is up.",
    ),
    own_orders=(
        WorkingOrder(
            role="stop",
            side="SELL",
            type="STP",
            quantity=100,
            filled=0,
            limit_price=None,
            stop_price=112,
            state="held",
        ),
    ),
)


@cache
def samples(kind: PromptKind) -> Sequence[dict[str, Any]]:
    """Two sets of every variable of the kind."""
    if kind == "system":
        return [system_variables(is_simulated=flag) for flag in (True, False)]
    if kind == "chart":
        return [
            chart_variables(_chart(40, is_simulated=True), image_count=1, standing=_HOLDING),
            chart_variables(_chart(1, is_simulated=False), image_count=0),
        ]
    return [
        view_variables(_view(_opinions(), is_simulated=True), image_count=2, standing=_HOLDING),
        view_variables(_view([], is_simulated=False), image_count=0),
    ]


def _chart(count: int, *, is_simulated: bool) -> ChartFacts:
    close = 100 + np.arange(count, dtype=np.float64)
    time = 1_700_000_000_000 + _DAY_MS * np.arange(count, dtype=np.int64)
    bars = Bars(
        timeframe=Timeframe.DAY,
        time=time,
        open=close - 0.5,
        high=close + 1,
        low=close - 1,
        close=close,
        volume=np.full(count, 1e6),
    )
    return facts_for(
        bars,
        {"sma_20": close - 5, "rsi_14": np.full(count, np.nan)} if count > 1 else {},
        symbol="SAMPLE",
        company="Sample Company Inc." if is_simulated else "",
        exchange="NASDAQ" if is_simulated else "",
        currency="USD",
        tick=Decimal("0.01"),
        as_of="2026-01-02 15:30 New York",
        is_simulated=is_simulated,
        rules=["Entry: sma_20 crosses above sma_50 is false."] if is_simulated else [],
    )


def _opinions() -> list[ChartOpinion]:
    opinion: Opinion = judge_chart(_chart(40, is_simulated=True))
    return [
        ChartOpinion(
            timeframe=Timeframe.DAY, analyst="sample", is_rule_based=True, opinion=opinion
        ),
        ChartOpinion(
            timeframe=Timeframe.WEEK,
            analyst="sample",
            is_rule_based=False,
            opinion=None,
            refusal="The model refused.",
        ),
    ]


def _view(opinions: list[ChartOpinion], *, is_simulated: bool) -> ViewFacts:
    return ViewFacts(
        symbol="SAMPLE",
        currency="USD",
        tick=Decimal("0.01"),
        as_of="2026-01-02 15:30 New York",
        is_simulated=is_simulated,
        last_close=139.0,
        opinions=opinions,
    )
