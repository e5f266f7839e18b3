"""A web server that answers what a test tells it to."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

READY = {"authenticated": True, "established": True, "competing": False, "connected": True}


class StubGateway:
    """Answers by path below /v1/api; a list of answers is given out one by one, the last stays."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._answers: dict[str, list[tuple[int, str]]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.answer("tickle", {"session": "a" * 32, "iserver": {"authStatus": READY}})
        self.answer("iserver/auth/status", READY)
        self.answer(
            "iserver/accounts", {"accounts": ["U1234567", "All"], "selectedAccount": "U1234567"}
        )
        self.answer("portfolio/accounts", [{"id": "U1234567", "currency": "USD", "type": "INDIV"}])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str, *bodies: Any, status: int = 200) -> None:
        """Texts are sent as they are, everything else as JSON."""
        self._answers[path] = [
            (status, body if isinstance(body, str) else json.dumps(body)) for body in bodies
        ]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _next(self, path: str) -> tuple[int, str]:
        self.asked.append(path)
        answers = self._answers.get(path, [(404, "")])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.partition("?")[0].removeprefix("/v1/api/")
                status, body = stub._next(path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                return

        return Handler
