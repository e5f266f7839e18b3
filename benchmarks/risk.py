"""All limits about one order: ours beside a bare loop that compares the same numbers."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from backend.trading.limits import LimitsInForce, RiskSettings, check_all, in_order
from backend.trading.risk import Proposal
from benchmarks.indicators import interleaved

ROUNDS = 2_000
GOAL_MS = 2.0

_EVERY_LIMIT: dict[str, Any] = {
    "allowed_symbols": ["AAPL", "MSFT"],
    "denied_symbols": ["IBM"],
    "only_when_open": True,
    "minutes_before_reset": 30,
    "max_quote_age_seconds": 60,
    "max_price_drift": "0.01",
    "min_reward_to_risk": "1.5",
    "max_daily_loss": 1_000,
    "max_drawdown": "0.2",
    "max_orders_per_day": 10,
    "max_orders_per_minute": 5,
    "no_repeat_minutes": 60,
    "cooldown_minutes": 60,
    "max_open_positions": 5,
    "forbid_short": True,
    "max_quantity": 150,
    "max_order_value": 14_000,
    "max_position_value": 20_000,
    "max_share_of_equity": "0.12",
    "max_share_of_three": "0.5",
    "max_gross_exposure": 60_000,
    "max_net_exposure": 60_000,
    "max_leverage": 1,
}
_ORDER: dict[str, Any] = {
    "side": "BUY",
    "symbol": "AAPL",
    "quantity": 200,
    "entry": "99.95",
    "stop": 95,
    "lot": 1,
    "reward_to_risk": 2,
    "equity": 100_000,
    "day_pnl": -100,
    "book": {"others": [20_000, 10_000, 5_000], "net_long": 15_000, "net_short": -15_000},
    "past": {"peak": 110_000},
    "quote": 100,
    "quote_age_seconds": 3,
    "is_open": True,
    "minutes_to_reset": 300,
}


def run() -> list[dict[str, Any]]:
    """Medians in microseconds; the goal is 2 ms for all limits about one order."""
    proposal = Proposal.model_validate(_ORDER)
    settings = RiskSettings.model_validate(_EVERY_LIMIT)
    above = LimitsInForce.model_validate({"account": _EVERY_LIMIT, "everything": _EVERY_LIMIT})
    if check_all(proposal, settings, above).quantity != 120:
        raise RuntimeError("The limits do not leave what they should.")
    once, thrice, bare = interleaved(
        ROUNDS,
        lambda: check_all(proposal, settings),
        lambda: check_all(proposal, settings, above),
        _bare_loop(),
    )
    count = len(in_order())
    return [
        _row(f"{count} limits, set by the strategy", once, bare),
        _row(f"{count} limits, each set at three levels", thrice, bare),
    ]


def _bare_loop() -> Callable[[], None]:
    """As many comparisons of a product with a limit, and nothing said about any of them."""
    pairs = [(Decimal(200), Decimal(100 + number)) for number in range(len(in_order()))]
    entry = Decimal("99.95")

    def compare() -> None:
        left = Decimal(200)
        for quantity, limit in pairs:
            if quantity * entry > limit * entry:
                left = min(left, limit)

    return compare


def _row(name: str, ours: float, bare: float) -> dict[str, Any]:
    return {
        "benchmark": name,
        "ours_us": round(ours * 1e6, 1),
        "peer_us": round(bare * 1e6, 1),
        "beside": "a bare loop of comparisons",
        "ratio": round(ours / bare, 1),
        "goal_us": GOAL_MS * 1_000,
    }
