"""Where immutable bytes lie, named by their SHA-256; each file beside this one is one kind of place."""

from dataclasses import dataclass
from typing import Protocol


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
