"""Hands messages to a sender's process, and tells what came of each as soon as it is known."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Timer
from typing import Any, Literal

from backend.core.errors import InvalidInput
from backend.core.settings import settings
from backend.notifications.service import clean

_ROOT = Path(__file__).parents[2]
_HANDED_ON = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""No secret of ours, and no proxy: behind one the address that is reached cannot be checked."""

START_SECONDS = 20.0
MESSAGE_SECONDS = 30.0
LONGEST_ERROR = 400


@dataclass(frozen=True)
class Message:
    title: str
    text: str
    kind: Literal["info", "success", "warning", "failure"]


@dataclass(frozen=True)
class Result:
    """What came of one message; no error means that the service took it."""

    error: str | None = None
    is_final: bool = False
    """Another try would end the same."""


@dataclass(frozen=True)
class Place:
    """All that is ever shown of an address."""

    kind: str
    host: str


def place(address: str) -> Place:
    """Raises `InvalidInput` for an address that is not understood, or that news may not go to."""
    for answer in _answers(address, []):
        if "error" not in answer:
            return Place(kind=_short(answer["kind"]), host=_short(answer["host"]))
        raise InvalidInput(_short(answer["error"]), field="address", code="address_refused")
    raise InvalidInput(
        "The address could not be looked at within the time for it. Try again.", field="address"
    )


def send(address: str, messages: list[Message]) -> Iterator[Result]:
    """One result for each message; the last ones say so when the time ran out."""
    left = len(messages)
    for answer in _answers(address, messages):
        error = answer.get("error")
        yield Result(_short(error) if error else None, bool(answer.get("is_final")))
        left -= 1
    for _ in range(left):
        yield Result("The sender gave no answer within the time for it.")


def seconds_for(messages: int) -> float:
    """After which their sender is certainly dead."""
    return START_SECONDS + MESSAGE_SECONDS * messages


def _answers(address: str, messages: list[Message]) -> Iterator[dict[str, Any]]:
    asked = {
        "address": address,
        "messages": [asdict(message) for message in messages],
        "allows_private": settings().notify_private_addresses,
    }
    with _process(seconds_for(len(messages))) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(asked))
            process.stdin.close()
        except BrokenPipeError:
            return
        for line in process.stdout:
            if line.endswith("\n"):  # not cut off in its middle
                yield json.loads(line)


@contextmanager
def _process(seconds: float) -> Iterator["subprocess.Popen[str]"]:
    """Killed when its time is over, and with us; what it complains about could hold an address."""
    environment = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "backend.notifications.sender"],
        cwd=_ROOT,
        env=environment | {"HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    end = Timer(seconds, process.kill)
    end.start()
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        end.cancel()


def _short(words: str) -> str:
    return clean(" ".join(words.split()), LONGEST_ERROR)
