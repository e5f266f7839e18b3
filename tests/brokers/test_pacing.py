import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from structlog.testing import capture_logs

from backend.brokers.pacing import Pace, Pacer, Permit, SharedAnswer, read_metrics
from backend.core.errors import TemporaryError

PLAIN = Pace(label="GET anything")
GATED = Pace(label="GET rare", interval=30.0)
SHARED = Pace(label="GET shared", interval=30.0, share=30.0)
HISTORY = Pace(label="GET history", concurrency=2)
TICKLE = Pace(label="POST tickle", is_keepalive=True)

MakePacer = Callable[..., Pacer]


@pytest.fixture
def make_pacer(redis_client: "redis.Redis") -> MakePacer:
    def make(**changes: Any) -> Pacer:
        return Pacer(redis_client, **{"max_wait": 0.0, **changes})

    return make


def take(pacer: Pacer, pace: Pace = PLAIN, **rest: Any) -> Permit:
    permit = pacer.acquire(pace, **rest)
    assert isinstance(permit, Permit)
    return permit


def call(pacer: Pacer, pace: Pace = PLAIN, outcome: str = "ok", **rest: Any) -> None:
    pacer.finish(take(pacer, pace), outcome, **rest)


def seconds_from_now(client: "redis.Redis", pool: str) -> float:
    """When the first place of a pool comes back, by Redis's own clock."""
    places: Any = client.zrange(f"glassbox:pacing:{pool}", 0, 0, withscores=True)
    now: Any = client.time()
    return float(places[0][1]) / 1000 - float(now[0])


def refusal(pacer: Pacer, pace: Pace = PLAIN) -> str:
    with pytest.raises(TemporaryError) as caught:
        pacer.acquire(pace)
    return caught.value.code


def test_no_more_calls_than_tokens_go_out_in_one_second(make_pacer: MakePacer) -> None:
    pacer = make_pacer(requests_per_second=3)
    for _ in range(3):
        call(pacer)
    assert refusal(pacer) == "throttled"


def test_a_call_under_way_keeps_its_token_however_long_it_takes(make_pacer: MakePacer) -> None:
    pacer = make_pacer(requests_per_second=1, max_wait=1.2)
    take(pacer)
    assert refusal(pacer) == "throttled"


def test_a_token_comes_back_one_second_after_the_answer(make_pacer: MakePacer) -> None:
    pacer = make_pacer(requests_per_second=1, max_wait=5.0)
    permit = take(pacer)
    answered = time.monotonic()
    pacer.finish(permit, "ok")
    take(pacer)
    assert time.monotonic() - answered >= 0.99


def test_less_than_one_call_a_second_is_possible(
    make_pacer: MakePacer, redis_client: "redis.Redis"
) -> None:
    call(make_pacer(requests_per_second=0.5))
    assert seconds_from_now(redis_client, "tokens") > 1.0


def test_turns_are_given_in_the_order_of_asking(
    make_pacer: MakePacer, redis_client: "redis.Redis"
) -> None:
    pacer = make_pacer(requests_per_second=20, max_wait=20.0)
    permits = [take(pacer) for _ in range(20)]
    order: list[int] = []

    def wait_in_line(number: int) -> None:
        # Never finished: a turn that came back by itself would let two through at once.
        take(pacer)
        order.append(number)

    waiting = [threading.Thread(target=wait_in_line, args=(number,)) for number in range(5)]
    queued: Any = redis_client
    for number, thread in enumerate(waiting):
        thread.start()
        while queued.zcard("glassbox:pacing:tokens:queue") < number + 1:
            time.sleep(0.002)
    # One place at a time, so that who is first shows.
    for permit in permits[:5]:
        queued.zrem("glassbox:pacing:tokens", permit.id)
        seen = len(order)
        while len(order) == seen:
            time.sleep(0.002)
    for thread in waiting:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_a_waiter_that_stops_asking_loses_its_turn(
    make_pacer: MakePacer, redis_client: "redis.Redis"
) -> None:
    redis_client.zadd("glassbox:pacing:tokens:queue", {"dead": 1})
    redis_client.zadd("glassbox:pacing:tokens:alive", {"dead": 1})
    take(make_pacer(requests_per_second=1))


def test_a_waiter_that_gives_up_leaves_the_queue(
    make_pacer: MakePacer, redis_client: "redis.Redis"
) -> None:
    pacer = make_pacer(requests_per_second=1)
    take(pacer)
    assert refusal(pacer) == "throttled"
    assert redis_client.zcard("glassbox:pacing:tokens:queue") == 0


def test_a_gate_is_closed_for_its_interval_after_the_answer(make_pacer: MakePacer) -> None:
    pacer = make_pacer()
    call(pacer, GATED)
    assert refusal(pacer, GATED) == "throttled"
    call(pacer, PLAIN)


def test_a_gate_is_closed_while_the_call_before_is_under_way(make_pacer: MakePacer) -> None:
    pacer = make_pacer()
    take(pacer, GATED)
    assert refusal(pacer, GATED) == "throttled"


def test_only_so_many_histories_are_under_way_at_a_time(make_pacer: MakePacer) -> None:
    pacer = make_pacer()
    first = take(pacer, HISTORY)
    take(pacer, HISTORY)
    assert refusal(pacer, HISTORY) == "throttled"
    pacer.finish(first, "ok")
    take(pacer, HISTORY)


def test_the_places_of_a_dead_holder_come_back_by_themselves(
    make_pacer: MakePacer, redis_client: "redis.Redis"
) -> None:
    pacer = make_pacer(requests_per_second=1)
    dead = take(pacer, HISTORY)
    for pool in ("tokens", "slots:GET history"):
        assert 20 < seconds_from_now(redis_client, pool) < 30
        redis_client.zadd(f"glassbox:pacing:{pool}", {dead.id: 1})
    take(pacer, HISTORY)


def test_an_answer_serves_other_workers_while_it_is_young(make_pacer: MakePacer) -> None:
    pacer = make_pacer()
    pacer.finish(take(pacer, SHARED, answer_key="a"), "ok", answer='{"x":1}')
    known = make_pacer().acquire(SHARED, answer_key="a", max_age=30.0)
    assert isinstance(known, SharedAnswer)
    assert known.text == '{"x":1}'
    assert 0 <= known.age < 30


@pytest.mark.parametrize("changed", [{"answer_key": "b", "max_age": 30.0}, {"answer_key": "a"}])
def test_an_answer_to_another_question_or_too_old_serves_nobody(
    make_pacer: MakePacer, changed: dict[str, Any]
) -> None:
    pacer = make_pacer()
    pacer.finish(take(pacer, SHARED, answer_key="a"), "ok", answer="{}")
    with pytest.raises(TemporaryError):
        pacer.acquire(SHARED, **changed)


def test_a_429_stops_every_worker(make_pacer: MakePacer) -> None:
    call(make_pacer(), outcome="rate_limited")
    assert refusal(make_pacer()) == "rate_limited"
    assert refusal(make_pacer(), HISTORY) == "rate_limited"


def test_while_stopped_one_tickle_a_minute_goes_out(make_pacer: MakePacer) -> None:
    pacer = make_pacer()
    call(pacer, outcome="rate_limited")
    call(pacer, TICKLE)
    assert refusal(pacer, TICKLE) == "rate_limited"


def test_after_the_pause_a_single_call_probes_and_its_answer_opens_the_way(
    make_pacer: MakePacer,
) -> None:
    pacer = make_pacer(pauses=(0.05, 600.0))
    call(pacer, outcome="rate_limited")
    time.sleep(0.06)
    probe = take(pacer)
    assert refusal(pacer) == "rate_limited"
    pacer.finish(probe, "invalid")
    call(pacer)


def test_a_probe_that_is_refused_waits_out_the_penalty_box(
    make_pacer: MakePacer, redis_client: "redis.Redis"
) -> None:
    pacer = make_pacer(pauses=(0.05, 600.0))
    call(pacer, outcome="rate_limited")
    time.sleep(0.06)
    call(pacer, outcome="rate_limited")
    with pytest.raises(TemporaryError, match=r"next try is in (600|599) s"):
        pacer.acquire(PLAIN)


def test_a_probe_without_any_answer_lets_the_next_call_probe(make_pacer: MakePacer) -> None:
    pacer = make_pacer(pauses=(0.05,))
    call(pacer, outcome="rate_limited")
    time.sleep(0.06)
    call(pacer, outcome="timeout", is_answered=False)
    probe = take(pacer)
    assert refusal(pacer) == "rate_limited"
    pacer.finish(probe, "ok")


def test_calls_already_under_way_at_the_first_429_do_not_lengthen_the_pause(
    make_pacer: MakePacer,
) -> None:
    pacer = make_pacer(pauses=(0.05, 600.0))
    late = [take(pacer), take(pacer)]
    call(pacer, outcome="rate_limited")
    for permit in late:
        pacer.finish(permit, "rate_limited")
    time.sleep(0.06)
    call(pacer)


def test_without_redis_no_call_goes_out() -> None:
    nowhere = redis.Redis(port=1, retry=Retry(NoBackoff(), 0))
    pacer = Pacer(nowhere)
    with pytest.raises(TemporaryError, match="Redis does not answer") as caught:
        pacer.acquire(PLAIN)
    assert caught.value.code == "pacing_unavailable"
    with pytest.raises(TemporaryError):
        read_metrics(nowhere)


def test_an_answer_in_hand_is_not_lost_when_redis_goes_away() -> None:
    nowhere = redis.Redis(port=1, retry=Retry(NoBackoff(), 0))
    permit = Permit(id="x", pace=PLAIN, answer_key="")
    with capture_logs() as logs:
        Pacer(nowhere).finish(permit, "ok")
    assert [entry["event"] for entry in logs] == ["pacing_finish_failed"]


def test_calls_and_waits_are_counted_for_all_workers(
    make_pacer: MakePacer, redis_client: "redis.Redis"
) -> None:
    pacer = make_pacer(requests_per_second=2, max_wait=5.0)
    for outcome in ("ok", "timeout", "ok"):
        call(pacer, outcome=outcome)
    metrics = read_metrics(redis_client)
    assert metrics.calls == {("GET anything", "ok"): 2, ("GET anything", "timeout"): 1}
    assert metrics.waits == {"GET anything": 1}
    assert metrics.waited_seconds["GET anything"] > 0.9


def test_calls_that_never_went_out_are_counted(
    make_pacer: MakePacer, redis_client: "redis.Redis"
) -> None:
    pacer = make_pacer(requests_per_second=1)
    permit = take(pacer)
    assert refusal(pacer) == "throttled"
    pacer.finish(permit, "rate_limited")
    assert refusal(pacer) == "rate_limited"
    calls = read_metrics(redis_client).calls
    assert calls["GET anything", "throttled"] == calls["GET anything", "stopped"] == 1
