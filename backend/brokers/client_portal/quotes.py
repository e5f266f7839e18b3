"""A quote from a snapshot, which is cold when it is first asked for."""

import time
from collections.abc import Callable
from typing import Any

from backend.brokers.base import Quote
from backend.brokers.client_portal import endpoints
from backend.brokers.client_portal.client import Call
from backend.brokers.client_portal.parsing import is_halted, parse_number
from backend.brokers.client_portal.session import GatewaySession
from backend.core.clock import from_ms

# Source: Client Portal API, market data fields. 7762 is the volume in full, 87 as "45.2M".
_LAST, _BID, _ASK, _VOLUME, _ROUNDED_VOLUME, _PRIOR_CLOSE, _AVAILABILITY = (
    "31",
    "84",
    "86",
    "7762",
    "87",
    "7741",
    "6509",
)
_FIELDS = (_LAST, _BID, _ASK, _VOLUME, _ROUNDED_VOLUME, _PRIOR_CLOSE, _AVAILABILITY)
_WANTED = frozenset({_LAST, _BID, _ASK, _PRIOR_CLOSE, _AVAILABILITY})
_POLLS = 5
_PAUSE_SECONDS = 0.5


def read(
    session: GatewaySession, conid: int, *, sleep: Callable[[float], None] = time.sleep
) -> Quote:
    """
    Asks up to five times, half a second apart, until the prices are there.

    Outside trading hours some never come: once the last price is known, one more look is enough.
    """
    row: dict[str, Any] = {}
    for poll in range(_POLLS):
        if poll:
            sleep(_PAUSE_SECONDS)
        was_warm = _LAST in row
        row = {**row, **_ask(session, conid)}
        if was_warm or row.keys() >= _WANTED:
            break
    return _quote(conid, row)


def _ask(session: GatewaySession, conid: int) -> dict[str, Any]:
    params = {"conids": str(conid), "fields": ",".join(_FIELDS)}
    rows = session.read_rows(Call(endpoint=endpoints.SNAPSHOT, params=params))
    return next((row for row in rows if str(row.get("conid")) == str(conid)), {})


def _quote(conid: int, row: dict[str, Any]) -> Quote:
    updated = row.get("_updated")
    volume = row.get(_VOLUME) or row.get(_ROUNDED_VOLUME)
    return Quote(
        conid=conid,
        last=parse_number(row.get(_LAST), "the last price"),
        bid=parse_number(row.get(_BID), "the bid"),
        ask=parse_number(row.get(_ASK), "the ask"),
        volume=parse_number(volume, "the volume"),
        prior_close=parse_number(row.get(_PRIOR_CLOSE), "the prior close"),
        is_halted=is_halted(row.get(_LAST)),
        is_delayed=not _is_live(str(row.get(_AVAILABILITY, ""))),
        updated_at=from_ms(int(updated)) if updated else None,
    )


def _is_live(availability: str) -> bool:
    """R is real-time, Z the last real-time state, frozen; whatever is not known to be is not."""
    return availability[:1] in ("R", "Z")
