import pytest
from exchange_calendars.calendar_utils import _default_calendar_factories

from backend.brokers.client_portal.exchanges import _PLACES, place
from backend.core.errors import OutsideError


@pytest.mark.parametrize(
    ("exchange", "calendar", "timezone"),
    [
        ("NASDAQ", "XNYS", "America/New_York"),
        ("NASDAQ.NMS", "XNYS", "America/New_York"),
        ("nyse", "XNYS", "America/New_York"),
        ("LSE", "XLON", "Europe/London"),
        ("IBIS", "XETR", "Europe/Berlin"),
        ("ENEXT.BE", "XBRU", "Europe/Brussels"),
        ("TSEJ", "XTKS", "Asia/Tokyo"),
        ("TSE", "XTSE", "America/Toronto"),
        ("EBS", "XSWX", "Europe/Zurich"),
    ],
)
def test_an_exchange_has_its_calendar_and_zone(exchange: str, calendar: str, timezone: str) -> None:
    assert place(exchange) == (calendar, timezone)


@pytest.mark.parametrize("exchange", sorted(_PLACES))
def test_every_calendar_exists_and_keeps_that_zone(exchange: str) -> None:
    calendar, timezone = place(exchange)
    assert str(_default_calendar_factories[calendar].tz) == timezone


def test_an_exchange_whose_hours_are_unknown_is_named() -> None:
    with pytest.raises(OutsideError, match=r"'NYSEE'.*Did you mean 'NYSE'") as caught:
        place("NYSEE")
    assert caught.value.code == "unknown_exchange"
