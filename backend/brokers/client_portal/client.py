"""One call at a time: wait for its turn, send it, say what the answer means, try reads again."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from backend.brokers.client_portal.answers import (
    WORTH_ANOTHER_TRY,
    Answer,
    Outcome,
    classify,
)
from backend.brokers.client_portal.endpoints import Endpoint
from backend.brokers.client_portal.tls import verification
from backend.brokers.pacing import Pacer, Permit, SharedAnswer
from backend.core.logging import get_logger

log = get_logger(__name__)

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
"""IBKR gives up on a request after 10 s with a 503, which tells more than a time-out of ours."""
MOST_CONNECTIONS = 16
SIMULATED_HEADER = "x-glassbox-simulated"


@dataclass(frozen=True, kw_only=True)
class Call:
    endpoint: Endpoint
    path: dict[str, str] = field(default_factory=dict)
    """Values for the blanks in the endpoint's path."""
    params: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    max_age: float = 0.0
    """Seconds for which another worker's answer is as good as one of our own."""
    retries: int = 3
    """Further tries after a failure that may pass; 0 for whatever is not a plain read."""
    scope: str = ""
    """Answers are shared only within the same scope, such as one session."""

    @property
    def address(self) -> str:
        return self.endpoint.path.format(**self.path)

    @property
    def answer_key(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in sorted(self.params.items()))
        return f"{self.endpoint.method} {self.address}?{query}#{self.scope}"


class GatewayClient:
    """Sends calls over one connection pool; safe to use from many threads."""

    def __init__(
        self,
        base_url: str,
        pacer: Pacer,
        *,
        certificate: Path | None = None,
        read_seconds: float = READ_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises `InvalidInput` for an address whose connection nobody could trust."""
        self._root = base_url.rstrip("/")
        self._pacer = pacer
        self._sleep = sleep
        self._http = httpx.Client(
            verify=verification(base_url, certificate),
            # Waiting for a free connection has no limit of its own: it would look like a request
            # that went out and was not answered.
            timeout=httpx.Timeout(read_seconds, connect=CONNECT_SECONDS, pool=None),
            # Shorter than servers keep an idle connection: one that they are just closing would
            # lose a request that may not be sent twice.
            limits=httpx.Limits(max_connections=MOST_CONNECTIONS, keepalive_expiry=4.0),
            http2=False,
            trust_env=False,
        )

    def send(self, call: Call) -> Answer:
        """
        The answer, after the further tries that the call allows.

        Raises `TemporaryError` (`throttled`, `rate_limited`, `pacing_unavailable`) when the call
        never went out.
        """
        answer = self._send_once(call)
        for attempt in range(call.retries):
            if answer.outcome not in WORTH_ANOTHER_TRY:
                break
            self._sleep(2**attempt * random.uniform(0.5, 1.0))
            answer = self._send_once(call)
        return answer

    def ask_simulator(self, path: str) -> httpx.Response | None:
        """An answer of a simulated gateway's control plane, which IBKR's limits do not count."""
        try:
            return self._http.get(f"{self._root}/__sim/{path}")
        except httpx.RequestError:
            return None

    def close(self) -> None:
        self._http.close()

    def _send_once(self, call: Call) -> Answer:
        turn = self._pacer.acquire(
            call.endpoint.pace, answer_key=call.answer_key, max_age=call.max_age
        )
        if isinstance(turn, SharedAnswer):
            return Answer(outcome=Outcome.OK, body=classify(200, turn.text).body, age=turn.age)
        begun = time.perf_counter()
        answer, text = self._exchange(call)
        log.debug(
            "gateway_asked",
            call=f"{call.endpoint.method} {call.address}",
            outcome=answer.outcome.value,
            ms=round((time.perf_counter() - begun) * 1000, 1),
        )
        self._finish(turn, call.endpoint, answer, text)
        return answer

    def _exchange(self, call: Call) -> tuple[Answer, str]:
        try:
            response = self._http.request(
                call.endpoint.method,
                f"{self._root}/v1/api/{call.address}",
                params=call.params or None,
                json=call.body,
            )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Answer(outcome=Outcome.UNREACHABLE, detail=self._why(error)), ""
        except httpx.TimeoutException:
            return Answer(outcome=Outcome.TIMEOUT, detail="no answer in time"), ""
        except httpx.RequestError as error:
            return Answer(outcome=Outcome.TRANSIENT, detail=str(error) or "connection lost"), ""
        answer = classify(
            response.status_code,
            response.text,
            response.headers,
            is_plain=call.endpoint.is_plain,
        )
        return answer, response.text

    def _finish(self, permit: Permit, endpoint: Endpoint, answer: Answer, text: str) -> None:
        is_shared = (
            endpoint.pace.share > 0
            and answer.outcome is Outcome.OK
            and endpoint.is_complete(answer.body)
        )
        self._pacer.finish(
            permit,
            answer.outcome,
            answer=text if is_shared else "",
            is_answered=answer.headers is not None,
        )

    def _why(self, error: httpx.RequestError) -> str:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return (
                f"{self._root} shows another certificate than the one that"
                " IBKR_GATEWAY_CERTIFICATE pins"
            )
        return f"{self._root}: {error}"
