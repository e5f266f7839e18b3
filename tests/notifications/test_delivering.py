"""What was told reaches servers on this machine through the real library, whatever dies between."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from backend.core.clock import ManualClock
from backend.core.database import transaction
from backend.notifications import channels, delivering
from backend.notifications.delivering import MOST_URGENT, MOST_USUAL, PAUSES, TRIES, WINDOW
from backend.notifications.events import Event
from backend.notifications.models import Delivery, State
from backend.notifications.sending import seconds_for
from tests.support.news_servers import Mailbox, Webhook

Add = Callable[..., int]
News = Callable[..., None]


def rows() -> list[Delivery]:
    with transaction() as session:
        return list(session.scalars(select(Delivery).order_by(Delivery.id)))


def states() -> list[str]:
    return [row.state.value for row in rows()]


def test_a_webhook_gets_title_text_link_and_number(
    hook: Webhook, add: Add, news: News, clock: ManualClock
) -> None:
    add(hook.address)
    news("a", title="Bought 10 AAPL", text="At 187.20 USD.")
    assert delivering.deliver(clock) == 1
    [body] = hook.received
    assert body["title"] == "Bought 10 AAPL"
    assert body["message"].splitlines() == [
        "At 187.20 USD.",
        "",
        "http://127.0.0.1:8000/orders/7",
        "",
        "Fills · 2026-11-20 20:30 UTC · message 1",
    ]
    [row] = rows()
    assert (row.state, row.attempts, row.sent_at, row.error) == (State.SENT, 1, clock.now(), None)
    assert delivering.deliver(clock) == 0


@pytest.mark.parametrize("form", ["text", "html"])
def test_a_mail_is_sent_in_which_nothing_comes_to_life(
    form: str, mail: Mailbox, add: Add, news: News, clock: ManualClock
) -> None:
    add(f"{mail.address}&format={form}")
    news("a", title="Ärger & <b>AAPL</b>\nBcc: eve@example.org", text="<script>x()</script> & so")
    assert delivering.deliver(clock) == 1
    [sent] = mail.mails
    assert mail.recipients == ["bob@example.org"]
    assert sent["Subject"] == "Ärger & <b>AAPL</b> Bcc: eve@example.org"
    assert sent["Bcc"] is None
    for part in sent.walk():
        if part.get_content_type() == "text/html":
            assert "&lt;script&gt;x()&lt;/script&gt;&nbsp;&amp;&nbsp;so" in part.get_content()
            assert "<script>" not in part.get_content()
        elif part.get_content_type() == "text/plain":
            assert "<script>x()</script> & so" in part.get_content()
    assert {"text": "text/plain", "html": "text/html"}[form] in [
        part.get_content_type() for part in sent.walk()
    ]


def test_a_service_that_is_away_is_tried_again_with_growing_pauses_and_given_up_visibly(
    hook: Webhook, add: Add, news: News, clock: ManualClock
) -> None:
    add(hook.address)
    news("a")
    hook.answers = [503] * TRIES
    for number, pause in enumerate(PAUSES, start=1):
        assert delivering.deliver(clock) == 0
        [row] = rows()
        assert (row.state, row.attempts) == (State.WAITING, number)
        assert row.next_at == clock.now() + pause
        assert delivering.deliver(clock) == 0
        assert len(hook.received) == number, "not before its time"
        clock.advance(seconds=pause.total_seconds())
    delivering.deliver(clock)
    [row] = rows()
    assert (row.state, row.attempts) == (State.GAVE_UP, TRIES)
    assert row.error is not None
    assert "error=503" in row.error
    clock.advance(days=30)
    assert delivering.deliver(clock) == 0
    assert len(hook.received) == TRIES
    assert "try 7, it may have come before" in hook.received[-1]["message"]


def test_while_one_message_fails_those_behind_it_wait_as_long_and_lose_no_try(
    hook: Webhook, add: Add, news: News, clock: ManualClock
) -> None:
    add(hook.address)
    for key in "abc":
        news(key)
    hook.answers = [200, 500]
    assert delivering.deliver(clock) == 1
    assert states() == ["sent", "waiting", "waiting"]
    assert [row.attempts for row in rows()] == [1, 1, 0]
    assert {row.next_at for row in rows()[1:]} == {clock.now() + PAUSES[0]}
    clock.advance(seconds=30)
    assert delivering.deliver(clock) == 2
    assert hook.titles == ["News a", "News b", "News b", "News c"]


def test_a_worker_that_dies_in_the_middle_leaves_its_messages_to_the_next(
    hook: Webhook, add: Add, news: News, clock: ManualClock
) -> None:
    channel = add(hook.address)
    news("a")
    assert delivering.take(channel, clock.now())  # ... and that worker is never heard of again
    assert delivering.deliver(clock) == 0, "it may be alive yet"
    clock.advance(seconds=seconds_for(1))
    assert delivering.deliver(clock) == 1
    [row] = rows()
    assert (row.state, row.attempts) == (State.SENT, 2)
    assert "try 2, it may have come before" in hook.received[0]["message"]


def test_one_that_comes_back_from_the_dead_changes_nothing(
    hook: Webhook, add: Add, news: News, clock: ManualClock
) -> None:
    channel = add(hook.address)
    news("a")
    late = delivering.take(channel, clock.now())
    assert late is not None
    clock.advance(seconds=seconds_for(1))
    delivering.deliver(clock)
    sent_at = clock.now()
    clock.advance(minutes=1)
    hook.answers = [500]
    delivering.carry_out(late, clock)
    [row] = rows()
    assert (row.state, row.sent_at, row.error) == (State.SENT, sent_at, None)


def test_two_workers_never_send_through_one_channel_at_once(
    hook: Webhook, add: Add, news: News, clock: ManualClock
) -> None:
    add(hook.address)
    news("a")
    hook.answers = [0]
    first = threading.Thread(target=delivering.deliver, args=(clock,))
    first.start()
    until = time.monotonic() + 20
    while not hook.received and time.monotonic() < until:
        time.sleep(0.05)
    news("b")
    assert delivering.deliver(clock) == 0
    assert len(hook.received) == 1
    hook.released.set()
    first.join()


def test_an_answer_that_leads_on_is_not_followed_whatever_the_address_asks(
    hook: Webhook, add: Add, news: News, clock: ManualClock
) -> None:
    add(f"{hook.address}?redirect=yes&retry=5")
    news("a")
    hook.answers, hook.leads_to = [302, 302], f"http://127.0.0.1:{hook.port}/elsewhere"
    assert delivering.deliver(clock) == 0
    assert hook.paths == ["/hook-with-a-secret"]
    assert "error=302" in (rows()[0].error or "")


def test_a_storm_becomes_one_summary(
    hook: Webhook, add: Add, news: News, clock: ManualClock
) -> None:
    add(hook.address)
    for number in range(40):
        news(f"f{number}", Event.FAILURE, title=f"Execution {number} failed")
    news("r", Event.REFUSAL)
    assert delivering.deliver(clock) == 1
    [body] = hook.received
    assert body["title"] == "41 messages: Failures 40, Refusals 1"
    assert "20:30 Execution 11 failed\nand 29 more" in body["message"]
    assert "http://127.0.0.1:8000/notifications" in body["message"]
    assert set(states()) == {"sent"}


def test_news_that_trickles_in_is_held_back_after_some_and_then_comes_as_one(
    hook: Webhook, add: Add, news: News, clock: ManualClock
) -> None:
    add(hook.address)
    for number in range(MOST_USUAL + 3):
        news(str(number))
        delivering.deliver(clock)
        clock.advance(seconds=1)
    assert hook.titles == [f"News {number}" for number in range(MOST_USUAL)]
    held = [row for row in rows() if row.state is State.WAITING]
    assert len(held) == 3
    assert {row.attempts for row in held} == {0}
    clock.moment = held[0].next_at
    assert clock.now() - rows()[0].next_at <= WINDOW + timedelta(seconds=seconds_for(1))
    assert delivering.deliver(clock) == 1
    assert hook.titles[-1] == "3 messages: Fills 3"


def test_what_is_urgent_passes_what_is_held_back_and_goes_first(
    hook: Webhook, add: Add, news: News, clock: ManualClock
) -> None:
    add(hook.address)
    for number in range(MOST_USUAL + 1):
        news(str(number))
    delivering.deliver(clock)
    for number in range(4):
        news(f"again {number}")
    delivering.deliver(clock)
    news("wait", title="held")
    news("yes?", Event.APPROVAL, title="Approve AAPL?")
    delivering.deliver(clock)
    assert hook.titles[-1] == "Approve AAPL?"
    assert MOST_URGENT > MOST_USUAL


def test_switched_off_a_channel_lets_go_of_what_waited(
    hook: Webhook, add: Add, news: News, clock: ManualClock
) -> None:
    channel = add(hook.address)
    news("a")
    with transaction() as session:
        channels.change(session, clock, channel, is_on=False, actor="person:ann")
    news("b")
    with transaction() as session:
        channels.change(session, clock, channel, is_on=True, actor="person:ann")
    news("c")
    assert delivering.deliver(clock) == 1
    assert hook.titles == ["News c"]
    assert states() == ["dropped", "sent"]


def test_one_channel_that_hangs_keeps_no_other_waiting_for_long_and_is_cut_off(
    hook: Webhook,
    mail: Mailbox,
    add: Add,
    news: News,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add(hook.address + "?rto=25", name="a")
    add(mail.address, name="b")
    monkeypatch.setattr("backend.notifications.sending.START_SECONDS", 8.0)
    monkeypatch.setattr("backend.notifications.sending.MESSAGE_SECONDS", 1.0)
    hook.answers = [0]
    news("a")
    assert delivering.deliver(clock) == 1
    assert len(mail.mails) == 1
    assert states() == ["waiting", "sent"]
    assert rows()[0].error == "The sender gave no answer within the time for it."


def test_a_test_waits_for_the_real_result(
    hook: Webhook, mail: Mailbox, add: Add, clock: ManualClock
) -> None:
    good = channels.send_test(clock, add(hook.address, name="good"), actor="person:ann")
    assert (good.state, good.error) == (State.SENT, None)
    assert hook.titles == ["Glassbox reaches you through good"]
    mail.refuses = True
    bad = channels.send_test(clock, add(mail.address, name="bad"), actor="person:ann")
    assert bad.state is State.GAVE_UP
    assert bad.error
    assert delivering.deliver(clock) == 0


def test_addresses_are_unreadable_in_the_database_and_in_every_error(
    hook: Webhook, add: Add, news: News, clock: ManualClock, set_env: Callable[..., None]
) -> None:
    address = hook.address.replace("json://", "json://ann:pass-word@")
    channel = add(address)
    news("a")
    hook.answers = [404]
    delivering.deliver(clock)
    with transaction() as session:
        row = channels.get(session, channel)
    [delivery] = rows()
    for secret in ("hook-with-a-secret", "pass-word"):
        assert secret not in row.sealed + row.kind + row.host + (delivery.error or "")
    assert (row.kind, row.host) == ("JSON", "127.0.0.1")
    set_env(WEB_SECRET="another secret, of 32 characters and more")
    clock.advance(minutes=1)
    delivering.deliver(clock)
    [delivery] = rows()
    assert delivery.state is State.GAVE_UP
    assert delivery.error is not None
    assert "WEB_SECRET is not the one it was kept with" in delivery.error


def test_a_worker_that_is_killed_while_it_sends_loses_nothing(
    hook: Webhook, add: Add, news: News, clock: ManualClock
) -> None:
    add(hook.address + "?rto=25")
    hook.answers = [0]
    news("a")
    worker = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "from datetime import datetime\n"
            "from backend.core.clock import ManualClock\n"
            "from backend.notifications.delivering import deliver\n"
            f"deliver(ManualClock(datetime.fromisoformat('{clock.now().isoformat()}')))",
        ],
        cwd=Path(__file__).parents[2],
    )
    until = time.monotonic() + 60
    while not hook.received and time.monotonic() < until:
        time.sleep(0.05)
    worker.kill()
    worker.wait()
    assert states() == ["sending"]
    hook.released.set()
    clock.advance(seconds=seconds_for(1))
    assert delivering.deliver(clock) == 1
    assert states() == ["sent"]
    assert hook.titles == ["News a", "News a"]
    assert "it may have come before" in hook.received[1]["message"]
