"""
The broker's limits, kept by all workers together through Redis.

A call takes a token and gives it back one second after its answer. So however late a request
arrives, the gateway never sees more than the number of tokens in any one second; a bucket that
refills by the clock would let a full burst and a second's refill through at once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis

from backend.core.errors import TemporaryError
from backend.core.logging import get_logger

log = get_logger(__name__)

METRICS_KEY = "glassbox:metrics:gateway"
_PREFIX = "glassbox:pacing"
_HOLD_SECONDS = 26.0
"""
Longer than a call may take; after that a dead holder's places are free again, and whoever waited
for them from the moment of its death has still not given up.
"""
_KEEPALIVE_SECONDS = 60.0

_LUA = {name: Path(__file__).with_name(f"pacing_{name}.lua") for name in ("acquire", "finish")}


@dataclass(frozen=True, kw_only=True)
class Pace:
    """
    How often one kind of call may be made, by all workers together.

    `interval` is the least time in seconds between an answer and the next call. An answer may
    serve every worker for `share` seconds, so that ten of them need not queue for the same news.
    """

    label: str
    interval: float = 0.0
    concurrency: int = 0
    """Calls under way at a time; 0 sets no limit beyond the tokens."""
    share: float = 0.0
    is_keepalive: bool = False
    """Goes out once a minute even while everything else is stopped after a 429."""


@dataclass(frozen=True, kw_only=True)
class Permit:
    """Leave to make one call; `finish` gives it back, and so does time."""

    id: str
    pace: Pace
    answer_key: str


@dataclass(frozen=True, kw_only=True)
class SharedAnswer:
    """What another worker asked `age` seconds ago, and was told."""

    text: str
    age: float


@dataclass(frozen=True, kw_only=True)
class GatewayMetrics:
    """Totals over all workers since the counters were last cleared."""

    calls: dict[tuple[str, str], int]
    """By path template and outcome; `throttled` and `stopped` calls never went out."""
    waits: dict[str, int]
    """Calls that had to wait for their turn, by path template."""
    waited_seconds: dict[str, float]


class Pacer:
    """
    Hands out permits. Safe to use from many threads and processes.

    After a 429 nothing but one keep-alive a minute goes out for `pauses[0]` seconds; then a single
    call probes, and each further 429 waits out the next pause (IBKR's penalty box is 10 minutes).
    """

    def __init__(
        self,
        client: "redis.Redis",
        *,
        requests_per_second: float = 8.0,
        max_wait: float = 30.0,
        pauses: tuple[float, ...] = (60.0, 600.0, 900.0),
        speed: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`speed`: how fast the gateway's time runs, by which it counts our calls."""
        self._acquire = client.register_script(_LUA["acquire"].read_text())
        self._finish = client.register_script(_LUA["finish"].read_text())
        self._tokens = max(1, int(requests_per_second))
        self._speed = speed
        self._window = self._gateway_ms(self._tokens / requests_per_second)
        self._max_wait = max_wait
        self._pauses = tuple(self._gateway_ms(pause) for pause in pauses)
        self._sleep = sleep

    def acquire(
        self, pace: Pace, *, answer_key: str = "", max_age: float = 0.0
    ) -> Permit | SharedAnswer:
        """
        Wait for this call's turn, or take an answer of at most `max_age` seconds instead.

        An answer to what another worker asked while we waited is as good as one of our own.

        Raises `TemporaryError`: `throttled` when the turn does not come within the bounded wait,
        `rate_limited` while all traffic is stopped, `pacing_unavailable` without Redis.
        """
        permit = Permit(id=uuid4().hex, pace=pace, answer_key=answer_key)
        begun = time.monotonic()
        while True:
            waited = time.monotonic() - begun
            verdict, *rest = self._ask(permit, max_age, waited)
            if verdict == "go":
                return permit
            if verdict == "answer":
                return SharedAnswer(text=rest[0], age=int(rest[1]) / 1000)
            pause = int(rest[0]) / 1000
            if verdict == "stopped":
                raise _stopped(pause)
            if verdict == "throttled":
                raise _throttled(pace, self._max_wait)
            self._sleep(pause)

    def finish(
        self, permit: Permit, outcome: str, *, answer: str = "", is_answered: bool = True
    ) -> None:
        """Count the call and give its places back; `answer` is what others may share."""
        pace = permit.pace
        args: list[Any] = [permit.id, pace.label, outcome, self._window]
        args += [
            self._gateway_ms(pace.interval),
            self._gateway_ms(pace.share),
            answer,
            int(is_answered),
            _ms(_HOLD_SECONDS),
            *self._pauses,
        ]
        try:
            self._finish(keys=_keys(permit), args=args)
        except redis.RedisError as error:
            # The answer is in hand; the places come back by themselves, and without Redis no
            # further call goes out.
            log.warning("pacing_finish_failed", label=pace.label, error=str(error))

    def _ask(self, permit: Permit, max_age: float, waited: float) -> list[Any]:
        pace = permit.pace
        keepalive = self._gateway_ms(_KEEPALIVE_SECONDS) if pace.is_keepalive else 0
        args: list[Any] = [permit.id, pace.label, self._tokens, pace.concurrency]
        args += [
            _ms(_HOLD_SECONDS),
            keepalive,
            self._gateway_ms(pace.share),
            max(self._gateway_ms(max_age), _ms(waited)),
        ]
        args += [int(pace.interval > 0), _ms(waited) if waited > 0.001 else 0]
        args += [_ms(self._max_wait - waited)]
        try:
            answer: list[Any] = self._acquire(keys=_keys(permit), args=args)
        except redis.RedisError as error:
            raise TemporaryError(
                f"Redis does not answer ({error}), so no call may go to the gateway: without it"
                " the workers cannot keep IBKR's limits together.",
                code="pacing_unavailable",
            ) from error
        return answer

    def _gateway_ms(self, seconds: float) -> int:
        """For what the gateway counts by its own time."""
        return _ms(seconds / self._speed)


def read_metrics(client: "redis.Redis") -> GatewayMetrics:
    """Raises `TemporaryError` without Redis."""
    try:
        fields: dict[str, str] = client.hgetall(METRICS_KEY)  # type: ignore[assignment]
    except redis.RedisError as error:
        raise TemporaryError(
            f"Redis does not answer ({error}); it holds the gateway's counters.",
            code="pacing_unavailable",
        ) from error
    metrics = GatewayMetrics(calls={}, waits={}, waited_seconds={})
    for field, count in fields.items():
        kind, label, *outcome = field.split("|")
        if kind == "calls":
            metrics.calls[label, outcome[0]] = int(count)
        elif kind == "waits":
            metrics.waits[label] = int(count)
        else:
            metrics.waited_seconds[label] = int(count) / 1000
    return metrics


def _keys(permit: Permit) -> list[str]:
    label = permit.pace.label
    places = [f"{_PREFIX}:{name}" for name in ("stop", "tokens", f"gate:{label}", f"slots:{label}")]
    return [*places, f"{_PREFIX}:answer:{permit.answer_key}", METRICS_KEY]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _stopped(seconds: float) -> TemporaryError:
    return TemporaryError(
        "IBKR refused a call for coming too fast (429), so all calls are stopped;"
        f" the next try is in {seconds:.0f} s.",
        code="rate_limited",
    )


def _throttled(pace: Pace, seconds: float) -> TemporaryError:
    return TemporaryError(
        f"{pace.label} did not get its turn within {seconds:.0f} s: too many calls want to go to"
        " the gateway. Spread the strategies over more minutes.",
        code="throttled",
    )
