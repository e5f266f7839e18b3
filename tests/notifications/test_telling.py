"""News is kept with the change it speaks of, once per key, for the channels that carry it."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select, text

from backend.core.clock import ManualClock
from backend.core.database import transaction
from backend.notifications import service
from backend.notifications.events import CHOICES, Event
from backend.notifications.models import Channel, Delivery, Notification, State
from backend.notifications.service import LONGEST_TEXT, LONGEST_TITLE, tell
from tests.support.live_engine import FRIDAY

CLOCK = ManualClock(FRIDAY)


@pytest.fixture(autouse=True)
def _tables(db: str) -> None:
    """Empty."""


def told(**changes: Any) -> bool:
    usual = {
        "event": Event.FILL,
        "key": "fill 7",
        "title": "Bought 10 AAPL",
        "text": "At 187.20 USD.",
        "path": "/orders/7",
    }
    with transaction() as session:
        return tell(session, CLOCK, **usual | changes)


def channel(name: str, events: list[str], **changes: Any) -> int:
    usual = {
        "kind": "JSON",
        "host": "example.com",
        "sealed": "x",
        "is_on": True,
        "created_at": FRIDAY,
        "created_by": "person:ann",
    }
    with transaction() as session:
        row = Channel(name=name, events=events, **usual | changes)
        session.add(row)
        session.flush()
        return row.id


def kept() -> list[Notification]:
    with transaction() as session:
        return list(session.scalars(select(Notification).order_by(Notification.id)))


def on_their_way() -> list[Delivery]:
    with transaction() as session:
        return list(session.scalars(select(Delivery).order_by(Delivery.channel_id)))


def test_news_is_kept_even_where_no_channel_would_carry_it() -> None:
    assert told()
    [row] = kept()
    assert (row.event, row.title, row.text) == (Event.FILL, "Bought 10 AAPL", "At 187.20 USD.")
    assert (row.path, row.at) == ("/orders/7", FRIDAY)
    assert on_their_way() == []


def test_it_goes_through_each_channel_that_carries_its_event_and_no_other() -> None:
    first = channel("first", ["fill", "halt"])
    channel("other events", ["halt"])
    channel("switched off", ["fill"], is_on=False)
    channel("removed", ["fill"], removed_at=FRIDAY)
    second = channel("second", [event.value for event in CHOICES])
    told()
    rows = on_their_way()
    assert [row.channel_id for row in rows] == [first, second]
    assert {(row.state, row.attempts, row.next_at) for row in rows} == {(State.WAITING, 0, FRIDAY)}


def test_a_key_is_told_once_however_many_tell_it() -> None:
    channel("all", [event.value for event in CHOICES])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: told(), range(16)))
    assert answers.count(True) == 1
    assert not told(title="The same, said otherwise")
    assert [row.title for row in kept()] == ["Bought 10 AAPL"]
    assert len(on_their_way()) == 1


def tell_and_fail() -> None:
    with transaction() as session:
        tell(session, CLOCK, event=Event.FILL, key="k", title="t", text="", path="/")
        raise ZeroDivisionError


def test_what_is_rolled_back_was_never_told() -> None:
    channel("all", ["fill"])
    with pytest.raises(ZeroDivisionError):
        tell_and_fail()
    assert kept() == []
    assert on_their_way() == []
    assert told(key="k")


def test_no_title_can_undo_the_change_it_speaks_of() -> None:
    with transaction() as session:
        session.execute(text("CREATE TEMP TABLE change (id int) ON COMMIT DROP"))
        tell(
            session,
            CLOCK,
            event=Event.FAILURE,
            key="nul \x00 and half \ud83d",
            title="line\none\x00 \u202e" + "x" * 1_000,
            text="half \ud83d\x00\x1b[31m" + "y" * 10_000,
            path="//evil.example/",
        )
        session.execute(text("INSERT INTO change VALUES (1)"))
    [row] = kept()
    assert row.title.startswith("line one")
    assert len(row.title) <= LONGEST_TITLE
    assert len(row.text) == LONGEST_TEXT
    assert row.text.endswith("y…")
    assert not set("\x00\x1b\u202e\ud83d") & set(row.title + row.text + row.key)
    assert row.path == "/notifications"


def test_secrets_are_taken_out() -> None:
    told(text="refused the key sk-abcdefghijklmnopqrstuvwx", title="Bearer abcdefghijkl")
    [row] = kept()
    assert "sk-abc" not in row.text
    assert "abcdefghijkl" not in row.title
    assert "[hidden]" in row.text


def test_every_event_has_words_of_its_own() -> None:
    assert len({event.label for event in Event}) == len(list(Event))
    assert all(event.meaning for event in Event)
    assert Event.TEST not in CHOICES


def test_a_queue_that_is_away_costs_one_try_in_a_while_and_undoes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[str] = []

    def away(task: str) -> None:
        tries.append(task)
        raise ConnectionError("away")

    monkeypatch.setattr(service, "send", away)
    monkeypatch.setattr(service, "_in_vain_at", [-math.inf])
    channel("all", ["fill"])
    for number in range(5):
        assert told(key=f"fill {number}")
    assert tries == [service.DELIVER_TASK]
    assert len(on_their_way()) == 5


def test_one_transaction_asks_for_delivery_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []
    monkeypatch.setattr(service, "send", tries.append)
    monkeypatch.setattr(service, "_in_vain_at", [-math.inf])
    channel("all", ["fill"])
    with transaction() as session:
        for key in "abc":
            tell(session, CLOCK, event=Event.FILL, key=key, title=key, text="", path="/")
        assert tries == []
    assert tries == [service.DELIVER_TASK]
