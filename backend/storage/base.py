"""Where immutable bytes lie, named by their SHA-256; each file beside this is one kind of place."""

import re
from dataclasses import dataclass
from typing import Protocol

from backend.core.errors import NotFound, OutsideError


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """What a lineage record keeps of some bytes: their name, not themselves."""

    name: str
    """What it is to the step that made it, such as `chart_1d.png`."""
    sha256: str
    content_type: str
    size: int


class Storage(Protocol):
    def put(self, data: bytes) -> str:
        """
        Keep the bytes and return their SHA-256 in hex; keeping the same bytes twice is one copy.

        Whole or not at all. Raises `OutsideError` that names the cause, such as a full disk, and
        `TemporaryError` when the place cannot be reached.
        """
        ...

    def get(self, sha256: str) -> bytes:
        """Raises `NotFound`, and `OutsideError` with code `artifact_corrupt` for altered bytes."""
        ...

    def check(self) -> None:
        """Raises `OutsideError` unless bytes can be kept and read right now."""
        ...


_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def is_sha256(text: str) -> bool:
    """Whether this can be an artifact's name at all; anything else must not reach a path."""
    return _SHA256.match(text) is not None


def missing(sha256: str) -> NotFound:
    return NotFound(f"No artifact {sha256[:64]!r} is kept here.", code="artifact_missing")


def corrupt(sha256: str, place: str) -> OutsideError:
    return OutsideError(
        f"The artifact {sha256} in {place} does not hold the bytes it is named after."
        " Restore it from a backup; what was computed from it cannot be verified.",
        code="artifact_corrupt",
    )
