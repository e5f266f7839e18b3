"""When the exchange trades, as two IBKR endpoints tell it, and trading days back."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.core.clock import from_ms
from backend.papergateway import numbers
from backend.papergateway.answers import bad_request, empty, ok, world_of
from backend.papergateway.prices import Instrument, Market, Session
from backend.papergateway.world import World

DAYS_TOLD = 6
EXCEPTIONS_TOLD_DAYS = 60
ZONE_NAMES = {"America/New_York": "US/Eastern"}
NOMINAL_DAYS = ("20000101", "20000102", *(f"2000010{day}" for day in range(3, 8)))
"""A Saturday, a Sunday, and Monday to Friday: they stand for any such day."""


def last_trading_moment(market: Market, moment_ms: int, *, outside_rth: bool) -> int:
    """`moment_ms` while the exchange trades, else when it last did."""
    session = market.session_for(moment_ms)
    if session is None:
        return moment_ms
    if outside_rth:
        return min(moment_ms, session.post_ms)
    if moment_ms <= session.open_ms:
        session = market.previous_session(moment_ms) or session
    return min(moment_ms, session.close_ms)


def days_back(market: Market, moment_ms: int, count: int, *, outside_rth: bool) -> int:
    """Where a window of so many trading days begins that ends with the session at `moment_ms`."""
    # A moment that is itself a bell belongs to the day that it ends, not to the one it opens.
    session = market.session_for(moment_ms - 1)
    if session is None:
        return moment_ms
    reach = timedelta(days=count * 7 // 5 + count // 20 + 7)
    found = market.sessions(session.day - reach, session.day)
    first = found[-count] if len(found) >= count else found[0]
    return first.pre_ms if outside_rth else first.open_ms


async def trading_schedule(request: Request) -> Response:
    """contract/trading-schedule: six trading days around now; times in epoch seconds."""
    world = world_of(request)
    instrument = _instrument(request)
    if instrument is None:
        return bad_request("conid is not valid")
    today = _today(instrument, world.now())
    days = world.market.sessions(today - timedelta(days=5), today + timedelta(days=14))
    past = sum(day.post_ms <= world.now_ms() for day in days)
    days = days[max(0, past - 1) :][:DAYS_TOLD]
    return ok(
        {
            "exchange_time_zone": ZONE_NAMES.get(instrument.timezone, instrument.timezone),
            "schedules": {f"{day.day:%Y%m%d}": _hours(day) for day in days},
        }
    )


def _instrument(request: Request) -> Instrument | None:
    conid = numbers.conid(request.query_params.get("conid"))
    return world_of(request).market.instruments.get(conid or 0)


def _hours(day: Session) -> dict[str, Any]:
    return {
        "liquid_hours": [{"opening": day.open_ms // 1000, "closing": day.close_ms // 1000}],
        "extended_hours": [
            {
                "opening": day.pre_ms // 1000,
                "closing": day.post_ms // 1000,
                "cancel_daily_orders": True,
            }
        ],
    }


async def secdef_schedule(request: Request) -> Response:
    """trsrv/secdef/schedule: nominal weekdays first, then holidays and half days to come."""
    query = request.query_params
    if not query.get("assetClass") or not query.get("symbol"):
        return bad_request("assetClass and symbol are required")
    world = world_of(request)
    instrument = world.market.by_symbol(query["symbol"])
    if instrument is None or query["assetClass"].upper() != "STK":
        return empty(204)
    venue = {
        "id": f"p{instrument.conid}",
        "tradeVenueId": f"v{instrument.conid % 100_000}",
        "exchange": instrument.exchange,
        "description": f"{instrument.exchange} regular and extended hours",
        "timezone": instrument.timezone,
        "schedules": [*_nominal(), *_exceptions(world, instrument)],
    }
    return ok([venue])


def _nominal() -> list[dict[str, Any]]:
    closed = [{**_day(name), "sessions": [], "tradingtimes": []} for name in NOMINAL_DAYS[:2]]
    return closed + [_day(name) for name in NOMINAL_DAYS[2:]]


def _day(
    name: str, opening: str = "0930", closing: str = "1600", until: str = "2000"
) -> dict[str, Any]:
    return {
        "clearingCycleEndTime": until,
        "tradingScheduleDate": name,
        "sessions": [{"openingTime": opening, "closingTime": closing, "prop": "LIQUID"}],
        "tradingtimes": [{"openingTime": "0400", "closingTime": until, "cancelDayOrders": "Y"}],
    }


def _exceptions(world: World, instrument: Instrument) -> list[dict[str, Any]]:
    """The days to come that differ from their weekday: closed ones have no times."""
    zone, today = ZoneInfo(instrument.timezone), _today(instrument, world.now())
    days = [today + timedelta(days=ahead) for ahead in range(EXCEPTIONS_TOLD_DAYS)]
    open_days = {each.day: each for each in world.market.sessions(days[0], days[-1])}
    found = []
    for day in days:
        session = open_days.get(day)
        name = f"{day:%Y%m%d}"
        if session is None and day.weekday() < 5:
            found.append({**_day(name), "sessions": [], "tradingtimes": []})
        elif session is not None and session.is_half_day:
            close, post = _wall(session.close_ms, zone), _wall(session.post_ms, zone)
            found.append(_day(name, "0930", close, post))
    return found


def _today(instrument: Instrument, now: datetime) -> date:
    return now.astimezone(ZoneInfo(instrument.timezone)).date()


def _wall(moment_ms: int, zone: ZoneInfo) -> str:
    return f"{from_ms(moment_ms).astimezone(zone):%H%M}"


routes = [
    Route("/contract/trading-schedule", trading_schedule),
    Route("/trsrv/secdef/schedule", secdef_schedule),
]
