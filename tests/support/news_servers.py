"""Servers on this machine that take messages as the real ones do, and keep what they were sent."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_string, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Webhook:
    """Answers each request with the next of `answers`, 200 when there are none left."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    leads_to: str = ""
    """Where an answer of 302 points."""
    received: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    """An answer of 0 waits for it, and then closes the connection without a word."""

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.port}/hook-with-a-secret"

    @property
    def titles(self) -> list[str]:
        return [str(each["title"]) for each in self.received]


@contextmanager
def webhook() -> Iterator[Webhook]:
    made = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.paths.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.received.append(json.loads(body))
            answer = made.answers.pop(0) if made.answers else 200
            if answer == 0:
                made.released.wait(30)
                return
            self.send_response(answer)
            if answer == 302:
                self.send_header("Location", made.leads_to)
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on the terminal."""

    with _served(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as made.port:
        yield made
        made.released.set()


@dataclass
class Mailbox:
    port: int = 0
    refuses: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return (
            f"mailto://ann:secret-password@example.com:{self.port}?smtp=127.0.0.1&mode=insecure"
            "&to=bob@example.org"
        )


class _MailServer(socketserver.ThreadingTCPServer):
    def __init__(self, mailbox: Mailbox) -> None:
        super().__init__(("127.0.0.1", 0), _MailHandler)
        self.mailbox = mailbox


class _MailHandler(socketserver.StreamRequestHandler):
    server: _MailServer

    def handle(self) -> None:
        self._say("220 mail.example.com ready")
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "DATA":
                self._say("354 go on")
                self.server.mailbox.mails.append(self._mail())
                self._say("250 kept")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._answer(verb, line)

    def _answer(self, verb: str, line: str) -> None:
        if verb == "EHLO":
            self._say("250-mail.example.com\r\n250 AUTH PLAIN")
        elif verb == "AUTH":
            self._say("235 welcome")
        elif verb == "RCPT" and self.server.mailbox.refuses:
            self._say("550 5.1.1 no such mailbox here")
        else:
            if verb == "RCPT":
                self.server.mailbox.recipients.append(line.partition("<")[2].partition(">")[0])
            self._say("250 fine")

    def _mail(self) -> EmailMessage:
        lines: list[str] = []
        while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
            lines.append(line.removeprefix("."))
        return message_from_string("\n".join(lines), policy=policy.default)

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    with _served(_MailServer(made)) as made.port:
        yield made


@contextmanager
def _served(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
