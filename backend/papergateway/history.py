"""iserver/marketdata/history: bars, in the words of the real gateway."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.core.clock import from_ms, to_ms
from backend.core.values import Timeframe
from backend.papergateway import numbers, schedule
from backend.papergateway.answers import bad_request, error, html, is_true, ok, world_of
from backend.papergateway.periods import Period, choose_bar, parse_period
from backend.papergateway.prices import Instrument, PaperBar
from backend.papergateway.world import World

POINTS = 1_000
MILLISECOND = timedelta(milliseconds=1)
TIME_FORMAT = "%Y%m%d-%H:%M:%S"
PRICE_FACTOR = 100
VOLUME_FACTORS = (100, 1, 40)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question about one instrument; its window ends (or, forward, starts) at `anchor_ms`."""

    instrument: Instrument
    period: Period
    bar: Timeframe
    anchor_ms: int
    is_forward: bool = False
    outside_rth: bool = False
    source: str = "trades"


def volume_factor(conid: int) -> int:
    """Shares are `v` times this; it differs by instrument and clients have to multiply."""
    return VOLUME_FACTORS[conid % len(VOLUME_FACTORS)]


async def history(request: Request) -> Response:
    world, query = world_of(request), request.query_params
    instrument = world.market.instruments.get(numbers.conid(query.get("conid")) or 0)
    if instrument is None:
        return bad_request(f"conid is not valid: {query.get('conid')}")
    anchor = _start_time(query.get("startTime"))
    is_forward = query.get("direction") == "1"
    if anchor is None and query.get("startTime"):
        return bad_request("startTime must be UTC YYYYMMDD-HH:mm:ss")
    if anchor is None and is_forward:
        return bad_request("direction 1 needs startTime")
    period = parse_period(query.get("period"))
    question = Question(
        instrument=instrument,
        period=period,
        bar=choose_bar(query.get("bar"), period),
        anchor_ms=world.now_ms() if anchor is None else anchor,
        is_forward=is_forward,
        outside_rth=is_true(query.get("outsideRth")),
        source=query.get("source", "trades").lower(),
    )
    document = answer(world, question)
    return error(500, "No data.") if document is None else ok(document)


def _start_time(written: str | None) -> int | None:
    try:
        return to_ms(datetime.strptime(written or "", TIME_FORMAT).replace(tzinfo=UTC))
    except ValueError:
        return None


def answer(world: World, question: Question) -> dict[str, Any] | None:
    """The whole answer, for REST and for the WebSocket; None where the window holds no bar."""
    bars = _bars(world, question)
    if not bars:
        return None
    instrument = question.instrument
    factor = volume_factor(instrument.conid)
    has_volume = question.source not in ("midpoint", "bid_ask")
    return {
        "serverId": str(4_155_816 + instrument.conid % 1_000),
        "symbol": instrument.symbol,
        "text": instrument.name.upper(),
        "priceFactor": PRICE_FACTOR,
        "startTime": from_ms(bars[0].t).strftime(TIME_FORMAT),
        "high": _extreme(max(bars, key=lambda bar: bar.h), "h", bars[0].t, factor),
        "low": _extreme(min(bars, key=lambda bar: bar.l), "l", bars[0].t, factor),
        "timePeriod": str(question.period),
        "barLength": question.bar.seconds,
        "mdAvailability": "S",
        "mktDataDelay": 0,
        "outsideRth": question.outside_rth,
        "tradingDayDuration": 960 if question.outside_rth else 390,
        "volumeFactor": factor,
        "priceDisplayRule": 1,
        "priceDisplayValue": "2",
        "chartPanStartTime": from_ms(question.anchor_ms).strftime(TIME_FORMAT),
        "direction": -1,
        "negativeCapable": False,
        "messageVersion": 2,
        "data": [_point(bar, factor if has_volume else None) for bar in bars],
        "points": len(bars) - 1,
        "travelTime": 7,
    }


def _bars(world: World, question: Question) -> list[PaperBar]:
    """At most 1000: those next to the anchor."""
    start_ms, end_ms = _window(world, question)
    bars = world.market.bars(
        question.instrument.conid,
        question.bar.value,
        start_ms=start_ms,
        end_ms=end_ms,
        now_ms=world.now_ms(),
        outside_rth=question.outside_rth,
    )
    return bars[:POINTS] if question.is_forward else bars[-POINTS:]


def _window(world: World, question: Question) -> tuple[int, int]:
    """In UTC milliseconds, half open."""
    anchor = question.anchor_ms
    if question.is_forward:
        return anchor, anchor + _calendar_ms(question.period)
    outside = question.outside_rth
    end = min(anchor, world.now_ms())
    traded = schedule.last_trading_moment(world.market, end, outside_rth=outside)
    if question.period.unit == "d":
        count = question.period.count
        return schedule.days_back(world.market, traded, count, outside_rth=outside), end
    return traded - question.period.length // MILLISECOND, end


def _calendar_ms(period: Period) -> int:
    """Five trading days make a week, and holidays need some slack."""
    if period.unit != "d":
        return period.length // MILLISECOND
    days = period.count * 7 // 5 + (4 if period.count > 3 else 1)
    return timedelta(days=days) // MILLISECOND


def _extreme(bar: PaperBar, which: str, start_ms: int, factor: int) -> str:
    """`price x priceFactor / volume / minutes from the start`."""
    price = round(getattr(bar, which) * PRICE_FACTOR)
    return f"{price}/{_scaled(bar.v, factor)}/{(bar.t - start_ms) // 60_000}"


def _point(bar: PaperBar, factor: int | None) -> dict[str, Any]:
    return {
        "o": float(bar.o),
        "c": float(bar.c),
        "h": float(bar.h),
        "l": float(bar.l),
        "v": 0.0 if factor is None else _scaled(bar.v, factor),
        "t": bar.t,
    }


def _scaled(shares: int, factor: int) -> float:
    return float(Decimal(shares) / factor)


async def old_history(request: Request) -> Response:
    """hmds/history: 404 until its service has been called once in this session."""
    session = world_of(request).session
    if not session.has_used_hmds:
        session.has_used_hmds = True
        return html(404, "Not Found")
    return await history(request)


async def warm_up(request: Request) -> Response:
    world_of(request).session.has_used_hmds = True
    return ok({"authenticated": True})


routes = [
    Route("/iserver/marketdata/history", history),
    Route("/hmds/history", old_history),
    Route("/hmds/auth/init", warm_up, methods=["POST"]),
]
