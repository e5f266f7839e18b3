"""What can be traded here: five real shares, and whatever the user's files hold."""

from dataclasses import dataclass
from decimal import Decimal
from zlib import crc32

_FIRST_OWN_CONID = 900_000_000
_OWN_CONIDS = 90_000_000


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """`first_ms` and `last_ms` bound the prices that exist, in UTC milliseconds."""

    conid: int
    symbol: str
    name: str
    exchange: str
    industry: str
    category: str
    first_ms: int
    last_ms: int
    currency: str = "USD"
    calendar: str = "XNYS"
    timezone: str = "America/New_York"
    tick: Decimal = Decimal("0.01")


@dataclass(frozen=True)
class Listing:
    """What IBKR says of a share, whatever its prices."""

    conid: int
    symbol: str
    name: str
    exchange: str
    industry: str
    category: str


BUILT_IN = (
    Listing(265598, "AAPL", "APPLE INC", "NASDAQ", "Computers", "Computers"),
    Listing(
        107113386, "FB", "FACEBOOK INC-CLASS A", "NASDAQ", "Internet", "Internet Content-Entmnt"
    ),
    Listing(208813720, "GOOG", "ALPHABET INC-CL C", "NASDAQ", "Internet", "Web Portals/ISP"),
    Listing(8314, "IBM", "INTL BUSINESS MACHINES CORP", "NYSE", "Computers", "Computer Services"),
    Listing(272093, "MSFT", "MICROSOFT CORP", "NASDAQ", "Software", "Applications Software"),
)


def own_listing(symbol: str, taken: set[int]) -> Listing:
    """A listing for a symbol of the user's, with the same conid in every run."""
    offset = crc32(symbol.encode()) % _OWN_CONIDS
    while _FIRST_OWN_CONID + offset in taken:
        offset = (offset + 1) % _OWN_CONIDS
    name = f"{symbol} (FROM FILE)"
    return Listing(_FIRST_OWN_CONID + offset, symbol, name, "NYSE", "Own data", "Own data")
