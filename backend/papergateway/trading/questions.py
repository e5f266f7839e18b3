"""
IBKR's precautionary messages: which of them an order provokes, and their words.

Clients match the words, after removing line breaks, by substrings that are literals of the
protocol; hence the blanks before the breaks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from backend.papergateway.prices import Instrument
from backend.papergateway.trading import funds
from backend.papergateway.trading.desk import Desk
from backend.papergateway.trading.orders import Kind, Order, Side, Terms
from backend.papergateway.trading.tickets import Ticket

PERCENT = 3
SHARES = 500
VALUE = 100_000
_SURE = "\nAre you sure you want to submit this order?"


@dataclass(frozen=True)
class Question:
    id: str
    text: str


def asked(
    desk: Desk, ticket: Ticket, *, has_data: bool, instead_of: Order | None = None
) -> Iterator[Question]:
    """The questions of one ticket; `has_data` says whether its contract is being watched."""
    terms, instrument = ticket.terms, desk.market.instruments.get(ticket.terms.conid)
    if instrument is None:
        return
    if ticket.cash is not None:
        yield from _CASH
    if not has_data:
        yield _NO_DATA
    if ticket.off_tick is not None:
        yield Question(
            "o382",
            f"The following value of the order {_summary(terms, instrument)} \nexceeds the Tick"
            f" Size Limit of {instrument.tick}.{_SURE}",
        )
    yield from _about_size(desk, terms, instrument, instead_of)
    yield from _about_price(desk, terms, instrument)
    yield from _about_kind(desk, terms)


def _summary(terms: Terms, instrument: Instrument) -> str:
    return f"{terms.side} {terms.quantity} {instrument.symbol} {instrument.exchange}.NMS"


def _about_size(
    desk: Desk, terms: Terms, instrument: Instrument, instead_of: Order | None
) -> Iterator[Question]:
    summary, value = _summary(terms, instrument), funds.expected_price(desk, terms) * terms.quantity
    if instead_of is not None:
        if abs(terms.quantity - instead_of.quantity) > SHARES:
            yield Question(
                "o10138",
                f"The following order {summary} size modification exceeds the size modification"
                f" limit of {SHARES}.{_SURE}",
            )
    elif terms.quantity > SHARES:
        yield Question(
            "o383", f"The following order {summary} size exceeds the Size Limit of {SHARES}.{_SURE}"
        )
    if value > VALUE:
        yield Question(
            "o451",
            f"The following order {summary} value estimate of {value:,.2f} {instrument.currency}"
            f" exceeds \nthe Total Value Limit of {VALUE:,} {instrument.currency}.{_SURE}",
        )


def _about_price(desk: Desk, terms: Terms, instrument: Instrument) -> Iterator[Question]:
    quote = desk.market.quote(terms.conid, desk.now_ms)
    if quote is None:
        return
    limit = funds.expected_price(desk, terms) if terms.kind.has_limit else None
    if limit is not None and abs(limit - quote.last) * 100 > quote.last * PERCENT:
        yield Question(
            "o163",
            f"The following order {_summary(terms, instrument)} price exceeds \nthe Percentage"
            f" constraint of {PERCENT}%.{_SURE}",
        )
    if _is_immediate(terms, quote.ask if terms.side is Side.BUY else quote.bid, quote.last):
        yield Question("o403", f"This order will most likely trigger and fill immediately.{_SURE}")


def _is_immediate(terms: Terms, market: Decimal, last: Decimal) -> bool:
    """A limit on the other side of the market, or a trigger that has been passed already."""
    sign = terms.side.sign
    if terms.kind is Kind.LMT and terms.limit is not None:
        return (terms.limit - market * 100) * sign > 0
    if terms.kind in (Kind.STP, Kind.STOP_LIMIT) and terms.stop is not None:
        return (last * 100 - terms.stop) * sign >= 0
    return False


def _about_kind(desk: Desk, terms: Terms) -> Iterator[Question]:
    if terms.kind is Kind.MKT:
        yield _MARKET
        if not desk.market.is_open(desk.now_ms):
            yield _CAP
    if terms.kind.has_trigger:
        yield _STOP_RISKS
    if terms.kind is Kind.STP:
        yield _STOP


_CASH = (
    Question(
        "o10164",
        "Traders are responsible for understanding cash quantity details, which are provided on a"
        " best efforts basis only.",
    ),
    Question(
        "o10223",
        "<h4>Cash Quantity Order Confirmation</h4>Orders that express size using a monetary value"
        " (cash quantity) are provided on a non-guaranteed basis.",
    ),
)
_NO_DATA = Question(
    "o354",
    "You are submitting an order without market data. We strongly recommend against this as it"
    f" may result in erroneous and unexpected trades.{_SURE}",
)
_MARKET = Question(
    "o10151",
    "<h4>Market Order Confirmation</h4>A Market Order is an instruction to trade your order at any"
    " available price in the market. A Market Order is not guaranteed a specific price.",
)
_CAP = Question(
    "o10153",
    "<h4>Confirm Mandatory Cap Price</h4>To avoid trading at a price that is not consistent with a"
    " fair and orderly market, IB may set a cap (for a buy order) or floor (for a sell order).",
)
_STOP_RISKS = Question(
    "o10331",
    "You are about to submit a stop order. Please be aware of the various stop order types"
    f" available and the risks associated with each one.{_SURE}",
)
_STOP = Question(
    "o10152",
    "<h4>Stop Order Confirmation</h4>A Stop Order - i.e. a Stop (Market) Order - is an instruction"
    ' to buy or sell at the market price once your trigger ("stop") price is reached.',
)
