"""Server-sent events over a real connection: nothing is missed, whatever goes away meanwhile."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from backend.core import events, redis
from backend.core.database import transaction
from backend.core.outbox import outbox
from backend.executions import live
from backend.web import live as web_live
from backend.workflow.plan import STEP_NAMES
from tests.executions.conftest import Watched
from tests.support.live_engine import Engine
from tests.support.served import served
from tests.support.web_client import new_key, sign_in

PATIENCE = 20.0


@dataclass
class Event:
    kind: str
    id: str
    data: Any
    at: float


class Reader:
    """Reads a stream in a thread, as an open page does."""

    def __init__(self, response: httpx.Response) -> None:
        self.events: list[Event] = []
        self.comments = 0
        self.is_over = threading.Event()
        self._response = response
        self._came = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        fields: dict[str, str] = {}
        try:
            for line in self._response.iter_lines():
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "event" in fields:
                    self._keep(fields)
                    fields = {}
        except (httpx.HTTPError, httpx.StreamError):
            pass
        self.is_over.set()

    def _keep(self, fields: dict[str, str]) -> None:
        with self._came:
            data = json.loads(fields["data"])
            id = fields.get("id", "")
            self.events.append(Event(fields["event"], id, data, time.monotonic()))
            self._came.notify_all()

    def wait_for(self, kind: str, count: int = 1) -> list[Event]:
        with self._came:
            assert self._came.wait_for(lambda: len(self.of(kind)) >= count, PATIENCE), self.events
        return self.of(kind)

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]


@contextmanager
def reading(url: str, **headers: str) -> Iterator[Reader]:
    with (
        httpx.Client(timeout=PATIENCE) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Reader(response)


def cookie(engine: Engine) -> dict[str, str]:
    """The header of a browser in which Ann is signed in."""
    return {"Cookie": "=".join(sign_in(engine.clock).cookie)}


@pytest.fixture
def address(app: FastAPI) -> Iterator[str]:
    with served(app) as url:
        yield url


def hear_of_two(reader: Reader) -> None:
    reader.wait_for("record", 2)


def test_every_record_arrives_as_it_is_committed(
    address: str, engine: Engine, watched: Watched
) -> None:
    execution_id = engine.start(engine.save())[0]
    url = f"{address}/api/executions/{execution_id}/events"
    with reading(url, **new_key("reader", "read")) as reader:
        reader.wait_for("execution")
        # The third step waits until the page has heard of the second.
        watched.before["fetch_bars"] = partial(hear_of_two, reader)
        watched.executor(engine).run(execution_id)
        [finished] = reader.wait_for("finished")
        assert reader.is_over.wait(PATIENCE)
    assert [event.data["step"] for event in reader.of("record")] == list(STEP_NAMES)
    assert [event.id for event in reader.of("record")] == [str(n) for n in range(1, 14)]
    assert (finished.id, finished.data["outcome"]) == ("13", "observed")
    assert "running" in {event.data["status"] for event in reader.of("execution")}


def test_one_that_comes_back_is_told_what_it_missed_and_no_more(
    address: str, engine: Engine
) -> None:
    execution, _ = engine.run()
    headers = new_key("reader", "read") | {"Last-Event-ID": "10"}
    with reading(f"{address}/api/executions/{execution.id}/events", **headers) as reader:
        assert reader.is_over.wait(PATIENCE)
    assert [event.data["sequence"] for event in reader.of("record")] == [10, 11, 12]
    assert len(reader.of("finished")) == 1


def test_nothing_is_missed_while_wake_ups_are_lost(
    address: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "POLL_SECONDS", 0.3)
    monkeypatch.setattr(outbox, "send", lambda *commands: None)
    execution_id = engine.start(engine.save())[0]
    url = f"{address}/api/executions/{execution_id}/events"
    with reading(url, **new_key("reader", "read")) as reader:
        reader.wait_for("execution")
        engine.executor.run(execution_id)
        assert reader.is_over.wait(PATIENCE)
    assert len(reader.of("record")) == 13


def test_a_revoked_key_ends_the_stream(address: str, engine: Engine) -> None:
    execution_id = engine.start(engine.save())[0]
    url = f"{address}/api/executions/{execution_id}/events"
    with reading(url, **new_key("reader", "read")) as reader:
        reader.wait_for("execution")
        with transaction() as session:
            session.execute(text("UPDATE api_keys SET revoked_at = now()"))
        events.publish(f"executions/{execution_id}")
        reader.wait_for("signed_out")
        assert reader.is_over.wait(PATIENCE)


def test_a_stream_of_nothing_is_refused_before_it_begins(address: str, engine: Engine) -> None:
    key = new_key("reader", "read")
    assert httpx.get(f"{address}/api/executions/4711/events", headers=key).status_code == 404
    execution, _ = engine.run()
    url = f"{address}/api/executions/{execution.id}/events"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers=key | {"Last-Event-ID": "x"}).status_code == 422


def test_lists_hear_of_changes_once_a_second_at_most(address: str, engine: Engine) -> None:
    strategy = engine.save()
    with transaction() as session:
        known = live.mark_of_all(session)
    with reading(f"{address}/live/executions?known={known}", **cookie(engine)) as reader:
        execution_id = engine.start(strategy)[0]
        engine.executor.run(execution_id)
        reader.wait_for("changed")
        time.sleep(2.5)
    changes = reader.of("changed")
    assert 1 <= len(changes) <= 3
    assert all(b.at - a.at > 0.9 for a, b in pairwise(changes))
    with transaction() as session:
        assert changes[-1].id == live.mark_of_all(session)


def test_a_list_that_comes_back_is_told_that_it_is_old(address: str, engine: Engine) -> None:
    engine.run()
    headers = cookie(engine) | {"Last-Event-ID": "0.0.0.0.0.0"}
    with reading(f"{address}/live/executions", **headers) as reader:
        reader.wait_for("changed")


def test_a_sign_out_ends_the_streams_of_its_pages(address: str, engine: Engine) -> None:
    with reading(f"{address}/live/executions", **cookie(engine)) as reader:
        with transaction() as session:
            session.execute(text("UPDATE browser_sessions SET revoked_at = now()"))
        events.publish("executions/1")
        reader.wait_for("signed_out")
        assert reader.is_over.wait(PATIENCE)
    assert httpx.get(f"{address}/live/executions").status_code in (303, 401)


def test_pages_poll_while_redis_is_away_and_are_woken_again_after(
    address: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_live, "RECONNECT_SECONDS", 0.1)
    execution_id = engine.start(engine.save())[0]
    url = f"{address}/api/executions/{execution_id}/events"
    with reading(url, **new_key("reader", "read")) as reader:
        reader.wait_for("execution")
        redis.client().client_kill_filter(_type="pubsub", skipme=False)
        engine.executor.run(execution_id)
        assert reader.is_over.wait(PATIENCE)
    assert len(reader.of("record")) == 13


def test_publishing_neither_fails_nor_waits_without_redis(
    engine: Engine, set_env: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.flush(5)
    redis.client.cache_clear()
    set_env(REDIS_URL="redis://127.0.0.1:1/0")
    started = time.monotonic()
    for _ in range(1_000):
        events.publish("executions/1")
    assert time.monotonic() - started < 0.5
    outbox.flush(20)
    redis.client.cache_clear()
