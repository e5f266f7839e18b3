"""
A real HTTP server that speaks the chat completions of the OpenAI protocol, by a script.

    with OpenAIServer() as server:
        server.script = [rate_limited(retry_after="1"), says(opinion(entry=101.0))]
        ...point OPENAI_BASE_URL at server.url, OPENAI_API_KEY at server.key...
        server.requests[-1].body["messages"]

Each call takes the next part of the script; when it is used up, `server.default` answers, which
is a good neutral opinion. Parts may be functions of the request's body.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    stalls: bool = False
    """Nothing is sent until the server is closed."""
    dribbles: bool = False
    """Headers, then a blank every 20 ms until the server is closed."""
    hangs_up: bool = False


Part = Answer | Callable[[dict[str, Any]], Answer]


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


def opinion(**changes: Any) -> dict[str, Any]:
    """A sound opinion around a price of 100, with changes."""
    return {
        "direction": "long",
        "confidence": 0.7,
        "trend": "up",
        "support": [98.0, 95.0],
        "resistance": [104.0],
        "entry": 100.0,
        "stop": 97.0,
        "targets": [106.0, 109.0],
        "horizon_days": 10,
        "invalidation": "A close below 97.",
        "reasons": ["The close is above both moving averages."],
        "risks": ["Earnings are near."],
        "claims": [],
        **changes,
    }


NEUTRAL = opinion(direction="neutral", confidence=0.3, trend="sideways", entry=None, stop=None)
NEUTRAL["targets"] = []


def says(
    content: dict[str, Any] | str | None,
    *,
    finish_reason: str = "stop",
    refusal: str | None = None,
    usage: dict[str, int] | None = None,
    model: str = "gpt-5-mini-2025-08-07",
) -> Answer:
    """A completion with this text, or this opinion as JSON."""
    text = json.dumps(content) if isinstance(content, dict) else content
    message = {"role": "assistant", "content": text, "refusal": refusal}
    completion: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
    }
    counted = {"prompt_tokens": 1_000, "completion_tokens": 200} if usage is None else usage
    if counted:
        completion["usage"] = {**counted, "total_tokens": sum(counted.values())}
    return _json(200, completion)


def error(status: int, message: str, *, code: str | None = None, **headers: str) -> Answer:
    """The protocol's error body; `retry_after="1"` becomes the header Retry-After."""
    body = {"error": {"message": message, "type": "error", "code": code, "param": None}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return _json(status, body, named)


def rate_limited(**headers: str) -> Answer:
    return error(429, "Rate limit reached.", code="rate_limit_exceeded", **headers)


def server_error(**headers: str) -> Answer:
    return error(500, "The server had an error.", **headers)


def refusal(text: str = "I cannot help with that.") -> Answer:
    return says(None, refusal=text)


def truncated() -> Answer:
    return says('{"direction": "lo', finish_reason="length")


def impossible() -> Answer:
    """A long whose stop lies above its entry."""
    return says(opinion(stop=105.0))


def web_page() -> Answer:
    return Answer(body=b"<html>Sign in</html>", headers={"Content-Type": "text/html"})


STALL = Answer(stalls=True)
DRIBBLE = Answer(dribbles=True, headers={"Content-Type": "application/json"})
HANG_UP = Answer(hangs_up=True)


def _json(status: int, body: Any, headers: dict[str, str] | None = None) -> Answer:
    return Answer(
        status=status,
        body=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **(headers or {})},
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: "OpenAIServer"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up waiting is what some of these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    # Headers and body leave in two writes, which Nagle's algorithm would hold up for 40 ms.
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(data)
        self.server.owner.requests.append(Received(self.path, dict(self.headers), body))
        self._send(self.server.owner.next_answer(self.path, self.headers, body))

    def _send(self, answer: Answer) -> None:
        if answer.stalls:
            self.server.owner.closing.wait()
        if answer.stalls or answer.hangs_up:
            self.close_connection = True
            return
        # Without the usual Date and Server, so that a script may give its own.
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.dribbles:
            self._dribble()
            return
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _dribble(self) -> None:
        self.send_header("Connection", "close")
        self.end_headers()
        while not self.server.owner.closing.wait(0.02):
            self.wfile.write(b" ")
            self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


class OpenAIServer:
    key = "test-key-of-the-model-server"

    def __init__(self) -> None:
        self.script: list[Part] = []
        self.default: Part = says(NEUTRAL)
        self.requests: list[Received] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def next_answer(self, path: str, headers: Any, body: dict[str, Any]) -> Answer:
        if headers.get("Authorization") != f"Bearer {self.key}":
            return error(401, "Incorrect API key provided.", code="invalid_api_key")
        if path != "/v1/chat/completions":
            return error(404, f"Unknown path {path}.")
        with self._lock:
            part = self.script.pop(0) if self.script else self.default
        return part(body) if callable(part) else part
