from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.cli.simulated_time import chosen
from backend.core.clock import SystemClock
from backend.core.errors import InvalidInput
from backend.core.settings import Settings

MONDAY = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


def settings(**given: Any) -> Settings:
    """Whatever the environment of the tests says."""
    return Settings.model_construct(_fields_set=set(given), **given)


def test_without_a_wish_a_stack_lives_in_the_machines_time(tmp_path: Path) -> None:
    assert chosen(tmp_path, settings(), start=None, speed=None) is None
    assert list(tmp_path.iterdir()) == []


def test_a_simulated_time_goes_on_at_the_next_start(tmp_path: Path) -> None:
    first = chosen(tmp_path, settings(), start=MONDAY, speed=None)
    assert first is not None
    assert first.speed == 60
    again = chosen(tmp_path, settings(), start=None, speed=None)
    assert again == first


def test_another_speed_goes_on_without_a_jump(tmp_path: Path) -> None:
    chosen(tmp_path, settings(), start=MONDAY, speed=60)
    slower = chosen(tmp_path, settings(), start=None, speed=2)
    assert slower is not None
    assert slower.speed == 2
    assert timedelta(0) <= slower.now() - MONDAY < timedelta(minutes=10)
    assert chosen(tmp_path, settings(), start=None, speed=None) == slower


def test_only_a_speed_starts_at_the_present(tmp_path: Path) -> None:
    clock = chosen(tmp_path, settings(), start=None, speed=10)
    assert clock is not None
    assert abs(clock.now() - SystemClock().now()) < timedelta(minutes=1)


def test_time_cannot_go_back_over_what_is_on_record(tmp_path: Path) -> None:
    chosen(tmp_path, settings(), start=MONDAY, speed=1)
    with pytest.raises(InvalidInput, match="cannot go back") as refusal:
        chosen(tmp_path, settings(), start=MONDAY - timedelta(days=1), speed=None)
    assert refusal.value.field == "from"
    later = chosen(tmp_path, settings(), start=MONDAY + timedelta(days=3), speed=None)
    assert later is not None
    assert later.now() >= MONDAY + timedelta(days=3)


def test_real_and_simulated_time_do_not_share_a_data_folder(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    with pytest.raises(InvalidInput, match="Set GLASSBOX_HOME to a folder of its own"):
        chosen(tmp_path, settings(), start=MONDAY, speed=60)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ibkr_gateway_url", "https://127.0.0.1:5000"),
        ("database_url", "postgresql+psycopg2://someone@elsewhere/glassbox"),
    ],
)
def test_nobody_elses_parts_are_met_in_an_invented_time(
    tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(InvalidInput, match=f"{name.upper()} is set"):
        chosen(tmp_path, settings(**{name: value}), start=MONDAY, speed=60)


@pytest.mark.parametrize("speed", [0, -1, 601])
def test_a_speed_has_bounds(tmp_path: Path, speed: float) -> None:
    with pytest.raises(InvalidInput, match="more than 0 and at most 600"):
        chosen(tmp_path, settings(), start=None, speed=speed)
