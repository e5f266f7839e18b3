from datetime import UTC, date, datetime

import pytest

from backend.core.errors import InvalidInput, UnknownName
from backend.exchange import calendars


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("XNYS", "XNYS"),
        ("nyse", "XNYS"),
        ("NASDAQ", "XNYS"),
        ("ARCA", "XNYS"),
        ("LSE", "XLON"),
        ("Xetra", "XETR"),
        ("IBIS", "XETR"),
        ("SEHK", "XHKG"),
        ("24/7", "24/7"),
    ],
)
def test_an_exchange_goes_by_many_names(name: str, code: str) -> None:
    assert calendars.code_of(name) == code


def test_every_alias_leads_to_a_calendar_of_the_library() -> None:
    codes = {calendars.code_of(name) for name in calendars.names()}
    assert all(calendars.code_of(code) == code for code in codes)


def test_an_unknown_exchange_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match=r"No exchange is named 'XETRAA'\. Did you mean 'XETRA'"):
        calendars.calendar("XETRAA")


def test_a_calendar_is_built_once() -> None:
    assert calendars.calendar("NYSE") is calendars.calendar("NASDAQ")


def test_a_calendar_reaches_decades_back_and_ahead() -> None:
    nyse = calendars.calendar("NYSE")
    assert nyse.row_of_date[date(2000, 1, 3)] == 0
    assert nyse.last_date.year >= 2040
    assert date(2001, 9, 12) not in nyse.row_of_date


def test_a_calendar_that_the_library_knows_for_this_year_only_says_so() -> None:
    shanghai = calendars.calendar("XSHG")
    with pytest.raises(InvalidInput, match="install a newer exchange-calendars") as error:
        shanghai.require_known(datetime(2100, 1, 1, tzinfo=UTC))
    assert error.value.code == "calendar_ended"


def test_a_calendar_that_the_library_cannot_build_is_a_clear_error() -> None:
    with pytest.raises(InvalidInput, match="choose another exchange") as error:
        calendars.calendar("XTAE")
    assert error.value.code == "calendar_unavailable"
