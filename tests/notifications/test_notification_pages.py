"""The page of notifications and its API: channels without their addresses, the outbox as it is."""

from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.executions import gateway_states
from backend.notifications import delivering
from backend.notifications.delivering import TRIES
from backend.notifications.events import Event
from backend.notifications.models import Channel, Delivery
from backend.notifications.service import tell
from backend.web.audit import AuditRow
from tests.support.live_engine import Engine
from tests.support.news_servers import Webhook
from tests.support.web_client import Api, new_key, text_of

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general"


def say(engine: Engine, key: str, event: Event = Event.FILL, **words: str) -> None:
    usual = {"title": f"News {key}", "text": "Words.", "path": "/orders/7"}
    with transaction() as session:
        tell(session, engine.clock, event=event, key=key, **usual | words)


def add(http: TestClient, address: str, name: str = "my phone", **fields: Any) -> Any:
    data = {"name": name, "address": address, "events": ["fill", "halt"]}
    return http.post("/notifications/channels", data=data | fields)


def audited() -> list[AuditRow]:
    with transaction() as session:
        return list(session.scalars(select(AuditRow).order_by(AuditRow.id)))


def page(http: TestClient, query: str = "") -> str:
    return text_of(http.get(f"/notifications{query}"))


def test_an_empty_page_shows_how_to_be_told(http: TestClient) -> None:
    text = page(http)
    for words in ("no channel carries news yet", "mailtos://", "tgram://", "hooks.slack", "jsons:"):
        assert words in text
    assert "Nothing was told yet" in text


def test_a_channel_is_made_and_its_address_never_seen_again(http: TestClient, api: Api) -> None:
    answer = add(http, SLACK)
    assert (answer.status_code, answer.headers["location"]) == (303, "/notifications")
    text = page(http)
    assert "my phone" in text
    assert "Slack" in text
    row = audited()[-1]
    assert (row.action, row.actor, row.subject) == (
        *("channel.created", "person:ann"),
        "channel my phone",
    )
    [channel] = api.get("/notifications/channels")["channels"]
    assert channel["events"] == ["fill", "halt"]
    with transaction() as session:
        kept = session.scalars(select(Channel)).one()
    for secret in ("T1JJ3T3L2", "TIiajkdnlazkcOXrIdevi7FQ"):
        assert secret not in text + str(channel) + str(row.after) + kept.sealed + kept.host


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": " "}, "Give the channel a name"),
        ({"name": "x" * 61}, "60 characters at most"),
        ({"address": ""}, "Enter the address of a service"),
        ({"address": "json://" + "x" * 2_000}, "2,000 characters at most"),
        ({"address": "json://x\x00y/"}, "one line"),
        ({"address": "https://example.com/s3cret-hook"}, "begin it with jsons://"),
        ({"address": "json://127.0.0.1/s3cret-hook"}, "NOTIFY_PRIVATE_ADDRESSES=true allows it"),
        ({"events": ["fil"]}, "Did you mean &#39;fill&#39;?"),
    ],
)
def test_wrong_input_is_answered_beside_its_field(
    http: TestClient, fields: dict[str, Any], said: str
) -> None:
    answer = add(http, **{"address": "json://example.com/s3cret"} | fields)
    text = text_of(answer)
    assert answer.status_code == 422
    assert said in text
    assert "s3cret" not in text
    with transaction() as session:
        assert session.scalars(select(Channel)).all() == []
    assert audited() == []


def test_two_channels_have_two_names_until_one_is_removed(http: TestClient) -> None:
    add(http, SLACK)
    answer = add(http, SLACK)
    assert answer.status_code == 409
    assert "already named" in text_of(answer)
    http.post("/notifications/channels/1/remove")
    with transaction() as session:
        assert session.get_one(Channel, 1).sealed == ""
    assert add(http, SLACK).status_code == 303
    assert http.post("/notifications/channels/1/test").status_code == 404


def test_what_a_channel_tells_is_chosen_event_by_event(http: TestClient, engine: Engine) -> None:
    add(http, SLACK)
    add(http, SLACK, name="made meanwhile")
    http.post("/notifications/events", data={"shown-1": "yes", "tell-1-drift": "yes"})
    http.post("/notifications/channels/2/switch", data={"on": ""})
    say(engine, "a")
    say(engine, "b", Event.DRIFT)
    with transaction() as session:
        assert len(session.scalars(select(Delivery)).all()) == 1
    http.post("/notifications/channels/1/switch", data={"on": ""})
    say(engine, "c", Event.DRIFT)
    text = page(http)
    assert "my phone: dropped, switched off" in text
    assert text.count("Kept here only") == 2
    changed, _, switched = audited()[-3:]
    with transaction() as session:
        assert session.get_one(Channel, 2).events == ["fill", "halt"]
    assert changed.before is not None
    assert (changed.action, changed.before["events"]) == ("channel.changed", ["fill", "halt"])
    assert switched.after is not None
    assert switched.after["is_on"] is False


def test_the_test_button_shows_the_real_result(http: TestClient, hook: Webhook) -> None:
    add(http, hook.address)
    http.post("/notifications/channels/1/test")
    assert "The service took the test." in page(http)
    assert hook.titles == ["Glassbox reaches you through my phone"]
    hook.answers = [403]
    http.post("/notifications/channels/1/test")
    text = page(http)
    assert "The test did not go out." in text
    assert "error=403" in text
    assert "hook-with-a-secret" not in text


def test_what_was_given_up_is_shown_and_can_be_tried_again(
    http: TestClient, hook: Webhook, engine: Engine
) -> None:
    add(http, hook.address)
    say(engine, "a", title="Bought 10 AAPL")
    with transaction() as session:
        session.scalars(select(Delivery)).one().attempts = TRIES - 1
    hook.answers = [500]
    delivering.deliver(engine.clock)
    text = page(http, "?show=gave_up")
    assert "1 message was given up." in text
    assert "Bought 10 AAPL" in text
    assert "error=500" in text
    http.post("/notifications/deliveries/1/again")
    delivering.deliver(engine.clock)
    assert "my phone: sent" in page(http)
    assert hook.titles == ["Bought 10 AAPL"] * 2
    http.post("/notifications/deliveries/1/again")
    assert "Only what was given up can be tried again" in page(http)
    assert audited()[-1].action == "channel.tried_again"


def test_hostile_words_stay_words(http: TestClient, engine: Engine) -> None:
    add(http, SLACK, name="<script>alert(1)</script>")
    say(engine, "a", title="<img src=x onerror=alert(2)>", text="</p><script>alert(3)</script>")
    text = page(http)
    for words in ("<script>alert", "<img src=x"):
        assert words not in text
    assert "&lt;script&gt;alert(3)" in text


def test_the_outbox_has_pages_and_views(http: TestClient, engine: Engine) -> None:
    for number in range(53):
        say(engine, f"n{number}", Event.FAILURE if number % 2 else Event.FILL)
    first = page(http)
    assert "News n52" in first
    assert "News n2<" not in first
    assert "before=4" in first
    assert "News n2<" in page(http, "?before=4")
    fills = page(http, "?event=fill")
    assert "News n52" in fills
    assert "News n51" not in fills
    assert "Nothing of that kind" in page(http, "?show=under_way")
    for wrong in ("?show=rubbish", "?event=rubbish", "?before=-1", "?before=x"):
        assert http.get(f"/notifications{wrong}").status_code == 422


def test_the_api_does_what_the_page_does(api: Api, hook: Webhook, engine: Engine) -> None:
    made = api.post(
        "/notifications/channels", {"name": "hook", "address": hook.address}, expect=201
    )
    assert (made["kind"], made["host"], len(made["events"])) == ("JSON", "127.0.0.1", 9)
    assert "hook-with-a-secret" not in str(made)
    assert api.post("/notifications/channels/1/test") == {"is_sent": True, "error": None}
    say(engine, "a", Event.HALT)
    delivering.deliver(engine.clock)
    told = api.get("/notifications", event="halt")["notifications"]
    assert [(each["key"], each["deliveries"][0]["state"]) for each in told] == [("a", "sent")]
    changed = api.put("/notifications/channels/1", {"events": ["halt"], "is_on": False})
    assert (changed["events"], changed["is_on"]) == (["halt"], False)
    wrong = api.refused("PUT", "/notifications/channels/1", 422, json={"events": ["hlat"]})
    assert wrong["field"] == "events"
    assert "Did you mean 'halt'?" in wrong["message"]
    private = api.refused("POST", "/notifications/channels", 422, json={"name": "x", "address": ""})
    assert private["field"] == "address"
    api.ask("DELETE", "/notifications/channels/1", expect=204)
    api.refused("DELETE", "/notifications/channels/1", 404)
    api.refused("POST", "/notifications/deliveries/1/again", 409)
    api.refused("POST", "/notifications/deliveries/99/again", 404)
    assert audited()[-1].actor == "key:everything"


def test_a_key_that_may_only_read_changes_nothing(api: Api) -> None:
    api.headers = new_key("reader", "read")
    assert api.get("/notifications/channels") == {"channels": []}
    body = {"name": "x", "address": SLACK}
    api.refused("POST", "/notifications/channels", 403, json=body)
    api.refused("POST", "/notifications/channels/1/test", 403)


def test_nobody_who_is_not_signed_in_sees_or_changes_anything(
    anonymous: TestClient, db: str
) -> None:
    assert anonymous.get("/notifications").status_code == 303
    assert add(anonymous, SLACK).status_code == 401
    with transaction() as session:
        assert session.scalars(select(Channel)).all() == []


def test_news_says_of_which_kind_of_account_it_is(http: TestClient, engine: Engine) -> None:
    gateway_states.observe(engine.tools.broker, engine.clock)
    say(engine, "a")
    assert 'data-state="simulated"' in page(http).partition('id="outbox"')[2]
