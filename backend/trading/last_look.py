"""What has to hold in the moment before an order goes out, beside all limits; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from backend.trading.plan import OrderPlan
from backend.trading.signal import Action


@dataclass(frozen=True, kw_only=True)
class Market:
    """How things stand now. Prices in contract currency; None is what is not known."""

    now: datetime
    is_open: bool
    lot: Decimal
    tick: Decimal
    last: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    is_halted: bool


@dataclass(frozen=True)
class Problem:
    code: str
    sentence: str
    is_over: bool = False
    """It came too late or at the wrong hour: nothing is wrong with the order itself."""


def problem(plan: OrderPlan, market: Market, expires_at: datetime | None) -> Problem | None:
    """The first thing that keeps the order in, None where nothing does."""
    found = (*_about_time(plan, market, expires_at), *_about_form(plan, market))
    return next(iter((*found, *_about_price(plan, market))), None)


def expired(expires_at: datetime | None, now: datetime) -> Problem | None:
    if expires_at is None or now < expires_at:
        return None
    return Problem(
        "signal_expired",
        f"The signal was good until {expires_at:%H:%M:%S} UTC, and that is over. Raise"
        " signal.expires_after_minutes if it should last longer.",
        is_over=True,
    )


def _about_time(plan: OrderPlan, market: Market, expires_at: datetime | None) -> Iterator[Problem]:
    if (late := expired(expires_at, market.now)) is not None:
        yield late
    # A DAY order sent after the close would wait for the next session, and enter at a price that
    # nobody judged. Who wants that says so with GTC or OPG.
    if plan.tif == "DAY" and not market.is_open and not plan.outside_rth:
        yield Problem(
            "market_closed",
            "The exchange is closed, and a DAY order is for the hours in which it trades. Run the"
            " strategy in these hours, or set orders.tif to GTC or OPG to wait for the opening.",
            is_over=True,
        )
    if market.is_halted:
        yield Problem(
            "not_tradable",
            f"Trading in {plan.symbol} is halted at the exchange. Run it again when it is resumed.",
        )


def _about_form(plan: OrderPlan, market: Market) -> Iterator[Problem]:
    for quantity in (plan.quantity, *(each.quantity for each in plan.targets)):
        if quantity <= 0 or quantity % market.lot:
            yield Problem(
                "not_whole",
                f"{quantity:f} is no whole number of lots of {market.lot:f}. Give risk.lot a"
                " multiple of it.",
            )
    named = {"entry": plan.entry, "stop": plan.stop}
    named |= {f"target {n}": each.price for n, each in enumerate(plan.targets, start=1)}
    for name, price in named.items():
        if price <= 0 or price % market.tick:
            yield Problem(
                "off_tick",
                f"The {name} of {price:f} does not lie on the tick of {market.tick:f}: run it"
                " again, so that the prices are found anew.",
            )


def _about_price(plan: OrderPlan, market: Market) -> Iterator[Problem]:
    is_buy = plan.side is Action.BUY
    now = (market.bid if is_buy else market.ask) or market.last
    if now is None or now <= 0:
        yield Problem(
            "no_quote",
            f"There is no quote of {plan.symbol} to hold the order against. Check the market data"
            " subscription at the broker.",
        )
        return
    if now <= plan.stop if is_buy else now >= plan.stop:
        yield Problem(
            "stop_passed",
            f"The price of {now:f} has passed the stop of {plan.stop:f} since the decision: the"
            " trade would end as it begins. The next run decides anew.",
        )
    nearest = plan.targets[0].price if plan.targets else None
    # A limit beyond its target still waits for a better price; a market order takes this one.
    if plan.order_type == "LMT" or nearest is None:
        return
    if now >= nearest if is_buy else now <= nearest:
        yield Problem(
            "target_passed",
            f"The price of {now:f} has reached the target of {nearest:f} since the decision:"
            " nothing is left to win. The next run decides anew.",
        )
