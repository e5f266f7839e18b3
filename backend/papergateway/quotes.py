"""What the numbered market data fields hold, as the strings that IBKR sends."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from backend.papergateway.prices import Instrument, Market, PaperBar, PaperQuote

YEAR_MS = 365 * 86_400_000
ABBREVIATE_FROM = 10_000


@dataclass(frozen=True)
class View:
    """One contract at one moment; `year` fetches its daily bars only if a field needs them."""

    instrument: Instrument
    quote: PaperQuote
    year: Callable[[], list[PaperBar]]


def row(market: Market, conid: int, fields: Iterable[str], now_ms: int) -> dict[str, object]:
    """The fields that have a value, without those that IBKR would not know either."""
    quote = market.quote(conid, now_ms)
    if quote is None:
        return {}

    def year() -> list[PaperBar]:
        return market.bars(conid, "1d", start_ms=now_ms - YEAR_MS, end_ms=now_ms, now_ms=now_ms)

    view = View(market.instruments[conid], quote, year)
    found = {name: _FIELDS[name](view) for name in fields if name in _FIELDS}
    return {name: value for name, value in found.items() if value is not None}


def price(value: Decimal | None) -> str | None:
    """Thousands are set apart by commas, and cents are always written."""
    if value is None:
        return None
    digits = max(2, -int(value.as_tuple().exponent))
    return f"{value:,.{min(digits, 4)}f}"


def short(volume: int) -> str:
    if volume >= 1_000_000:
        return f"{volume / 1_000_000:.1f}M"
    return f"{volume / 1_000:.1f}K" if volume >= ABBREVIATE_FROM else f"{volume:,}"


def _last(view: View) -> str | None:
    """Before the day's first regular trade it is the day before's close, marked with a C."""
    mark = "C" if view.quote.open is None else ""
    return f"{mark}{price(_shown(view))}"


def _shown(view: View) -> Decimal:
    return view.quote.prior_close if view.quote.open is None else view.quote.last


def _change(view: View) -> Decimal:
    return _shown(view) - view.quote.prior_close


def _percent(view: View) -> str | None:
    close = view.quote.prior_close
    return f"{_change(view) / close * 100:.2f}%" if close else None


def _since_open(view: View) -> str | None:
    return None if view.quote.open is None else price(view.quote.last - view.quote.open)


def _close(view: View) -> str | None:
    """Today's close: known only when today's session is over; after-hours trades do not move it."""
    is_over = view.quote.open is not None and not view.quote.is_open
    return price(view.year()[-1].c) if is_over else None


def _mark(view: View) -> str | None:
    quote = view.quote
    return price(min(max(quote.last, quote.bid), quote.ask))


def _year_high(view: View) -> str | None:
    return price(max((bar.h for bar in view.year()), default=None))


def _year_low(view: View) -> str | None:
    return price(min((bar.l for bar in view.year()), default=None))


def _average_volume(view: View) -> str | None:
    bars = view.year()[-90:]
    return short(sum(bar.v for bar in bars) // len(bars)) if bars else None


_FIELDS: dict[str, Callable[[View], object]] = {
    "31": _last,
    "55": lambda view: view.instrument.symbol,
    "70": lambda view: price(view.quote.high),
    "71": lambda view: price(view.quote.low),
    "82": lambda view: price(_change(view)),
    "83": _percent,
    "84": lambda view: price(view.quote.bid),
    "85": lambda view: f"{view.quote.ask_size:,}",
    "86": lambda view: price(view.quote.ask),
    "87": lambda view: short(view.quote.volume),
    "88": lambda view: f"{view.quote.bid_size:,}",
    "6004": lambda view: view.instrument.exchange,
    "6008": lambda view: view.instrument.conid,
    "6070": lambda view: "STK",
    "6508": lambda view: "&serviceID1=122&serviceID2=123&serviceID3=203&serviceID4=775",
    "7051": lambda view: view.instrument.name,
    "7057": lambda view: "Q",
    "7058": lambda view: "Q",
    "7068": lambda view: "Q",
    "7059": lambda view: f"{view.quote.last_size:,}",
    "7094": lambda view: f"{view.instrument.conid}@{view.instrument.exchange}",
    "7184": lambda view: "1",
    "7219": lambda view: view.instrument.symbol,
    "7220": lambda view: view.instrument.symbol,
    "7221": lambda view: view.instrument.exchange,
    "7280": lambda view: view.instrument.industry,
    "7281": lambda view: view.instrument.category,
    "7282": _average_volume,
    "7293": _year_high,
    "7294": _year_low,
    "7295": lambda view: price(view.quote.open),
    "7296": _close,
    "7635": _mark,
    "7682": _since_open,
    "7741": lambda view: price(view.quote.prior_close),
    "7762": lambda view: str(view.quote.volume),
    "7768": lambda view: "1",
}


def ladder(market: Market, conid: int, now_ms: int, rows: int) -> list[dict[str, object]]:
    """The price ladder around the quote, highest price first; `focus` marks the last price."""
    quote = market.quote(conid, now_ms)
    if quote is None:
        return []
    tick, middle = market.instruments[conid].tick, rows // 2
    top = quote.last + tick * middle
    return [_rung(quote, top - tick * number, number) for number in range(rows)]


def _rung(quote: PaperQuote, level: Decimal, number: int) -> dict[str, object]:
    rung: dict[str, object] = {"row": number, "focus": int(level == quote.last)}
    rung["price"] = price(level)
    if level == quote.bid:
        rung["bid"] = str(quote.bid_size)
    if level == quote.ask:
        rung["ask"] = str(quote.ask_size)
    return rung
