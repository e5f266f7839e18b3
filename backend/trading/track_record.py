"""
What a sequence of closed round trips comes to: expectancy, win rate, profit factor, drawdown.

Expectancy is the mean result of a trade and, in R, the mean R multiple (Van K. Tharp). Profit
factor is what winners gained over what losers lost, payoff the mean winner over the mean loser
(Robert Pardo, "The Evaluation and Optimization of Trading Strategies"). Drawdown is the deepest
fall of the running sum of closed results below its highest point, the start counting as one; what
open round trips show meanwhile is not in it. Pure; money of one currency.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from backend.trading.round_trip import ZERO, over


@dataclass(kw_only=True)
class Streaks:
    """Runs of winners and of losers; one that came to exactly nothing ends either."""

    winning: int = 0
    """The longest."""
    losing: int = 0
    current: int = 0
    """Of now: above nothing so many winners, below it so many losers in a row."""

    def add(self, net: Decimal) -> None:
        if net > 0:
            self.current = max(self.current, 0) + 1
        elif net < 0:
            self.current = min(self.current, 0) - 1
        else:
            self.current = 0
        self.winning = max(self.winning, self.current)
        self.losing = max(self.losing, -self.current)


@dataclass(kw_only=True)
class Drawdown:
    """Follows a running sum."""

    total: Decimal = ZERO
    peak: Decimal = ZERO
    deepest: Decimal = ZERO
    """As a positive amount."""

    def add(self, net: Decimal) -> None:
        self.total += net
        self.peak = max(self.peak, self.total)
        self.deepest = max(self.deepest, self.peak - self.total)

    @property
    def current(self) -> Decimal:
        return self.peak - self.total


@dataclass(kw_only=True)
class TrackRecord:
    """Add results in the order in which they were closed."""

    count: int = 0
    wins: int = 0
    losses: int = 0
    gained: Decimal = ZERO
    lost: Decimal = ZERO
    """As a positive amount."""
    streaks: Streaks = field(default_factory=Streaks)
    drawdown: Drawdown = field(default_factory=Drawdown)
    _r_sum: Decimal = ZERO
    _r_count: int = 0

    def add(self, net: Decimal, net_r: Decimal | None = None) -> None:
        """One more, after costs; without `net_r` it does not count towards what is told in R."""
        self.count += 1
        self.wins += net > 0
        self.losses += net < 0
        self.gained += max(net, ZERO)
        self.lost += max(-net, ZERO)
        self.streaks.add(net)
        self.drawdown.add(net)
        if net_r is not None:
            self._r_sum += net_r
            self._r_count += 1

    @property
    def net(self) -> Decimal:
        return self.gained - self.lost

    @property
    def win_rate(self) -> Decimal | None:
        """Winners among all; one that came to exactly nothing is none."""
        return over(Decimal(self.wins), Decimal(self.count))

    @property
    def expectancy(self) -> Decimal | None:
        return over(self.net, Decimal(self.count))

    @property
    def expectancy_r(self) -> Decimal | None:
        return over(self._r_sum, Decimal(self._r_count))

    @property
    def profit_factor(self) -> Decimal | None:
        """None while nothing was lost."""
        return over(self.gained, self.lost)

    @property
    def average_win(self) -> Decimal | None:
        return over(self.gained, Decimal(self.wins))

    @property
    def average_loss(self) -> Decimal | None:
        """As a positive amount."""
        return over(self.lost, Decimal(self.losses))

    @property
    def payoff(self) -> Decimal | None:
        return over(self.average_win, self.average_loss)
