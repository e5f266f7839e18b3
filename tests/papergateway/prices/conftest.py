from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from backend.papergateway.prices import Market

TODAY = date(2026, 11, 21)
HEADER = "date,open,high,low,close,volume"
Write = Callable[..., Path]


@pytest.fixture(scope="session")
def market() -> Market:
    return Market(today=TODAY)


@pytest.fixture(scope="session")
def at() -> Callable[[str], int]:
    """UTC milliseconds of an ISO moment in UTC."""
    return lambda text: int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes rows, under the usual header or another, into a CSV of that name."""

    def write_csv(*rows: str, name: str = "TSLA.csv", header: str = HEADER) -> Path:
        path = tmp_path / name
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    return write_csv
