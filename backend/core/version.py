"""Which code is running, as lineage records it."""

from functools import cache
from pathlib import Path

VERSION = "0.1.0"


@cache
def code_version() -> str:
    """The release, with the git commit where the code runs from a checkout."""
    git = Path(__file__).parents[2] / ".git"
    head = _read(git / "HEAD")
    commit = _read(git / head[5:]) if head.startswith("ref: ") else head
    return f"{VERSION}+{commit[:12]}" if commit else VERSION


def _read(path: Path) -> str:
    return path.read_text().strip() if path.is_file() else ""
