"""
IBKR's names of exchanges: which calendar of `exchange_calendars` they keep, in which zone.

Source: IBKR's exchange listings (ibkr.com, "Products and Exchanges") and the calendars' own zones.
"""

from backend.core.errors import OutsideError, did_you_mean

_BY_CALENDAR = {
    ("XNYS", "America/New_York"): "NASDAQ NYSE ARCA AMEX BATS IEX PINK OTCLNKECN",
    ("XTSE", "America/Toronto"): "TSE VENTURE AEQLIT",
    ("XMEX", "America/Mexico_City"): "MEXI",
    ("XLON", "Europe/London"): "LSE LSEETF LSEIOB1",
    ("XETR", "Europe/Berlin"): "IBIS IBIS2",
    ("XFRA", "Europe/Berlin"): "FWB FWB2",
    ("XSTU", "Europe/Berlin"): "SWB SWB2",
    ("XPAR", "Europe/Paris"): "SBF",
    ("XAMS", "Europe/Amsterdam"): "AEB",
    ("XBRU", "Europe/Brussels"): "ENEXT.BE",
    ("XLIS", "Europe/Lisbon"): "BVL",
    ("XMIL", "Europe/Rome"): "BVME BVME.ETF",
    ("XMAD", "Europe/Madrid"): "BM",
    ("XSWX", "Europe/Zurich"): "EBS VIRTX",
    ("XWBO", "Europe/Vienna"): "VSE",
    ("XSTO", "Europe/Stockholm"): "SFB",
    ("XCSE", "Europe/Copenhagen"): "CPH",
    ("XHEL", "Europe/Helsinki"): "HEX",
    ("XOSL", "Europe/Oslo"): "OSE",
    ("XWAR", "Europe/Warsaw"): "WSE",
    ("XPRA", "Europe/Prague"): "PRA",
    ("XBUD", "Europe/Budapest"): "BUX",
    ("XTAE", "Asia/Tel_Aviv"): "TASE",
    ("XJSE", "Africa/Johannesburg"): "JSE",
    ("XTKS", "Asia/Tokyo"): "TSEJ",
    ("XHKG", "Asia/Hong_Kong"): "SEHK",
    ("XSHG", "Asia/Shanghai"): "SEHKNTL SEHKSZSE",
    ("XTAI", "Asia/Taipei"): "TWSE",
    ("XKRX", "Asia/Seoul"): "KSE",
    ("XBOM", "Asia/Kolkata"): "NSE BSE",
    ("XSES", "Asia/Singapore"): "SGX",
    ("XASX", "Australia/Sydney"): "ASX",
}
_PLACES = {name: place for place, names in _BY_CALENDAR.items() for name in names.split()}


def place(exchange: str) -> tuple[str, str]:
    """
    Calendar and IANA zone of a primary exchange such as "NASDAQ" or, in some answers, "NASDAQ.NMS".

    Raises `OutsideError` for an exchange whose hours we do not know.
    """
    name = exchange.strip().upper()
    known = _PLACES.get(name) or _PLACES.get(name.partition(".")[0])
    if known is None:
        raise OutsideError(
            f"The trading hours of the exchange {exchange!r} are not known here, so nothing listed"
            f" there can be traded.{did_you_mean(name, _PLACES)}",
            code="unknown_exchange",
        )
    return known
