from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from backend.core.errors import InvalidInput
from backend.core.settings import Settings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_DAILY_USD", "1.25")
    monkeypatch.setenv("OPENAI_PRICES", '{"mine": {"input": "0.1", "output": "0.2"}}')
    monkeypatch.setenv("WEB_ALLOWED_HOSTS", "glassbox.example, localhost")
    read = Settings(_env_file=None)
    assert read.ai_daily_usd == Decimal("1.25")
    assert read.openai_prices["mine"].output == Decimal("0.2")
    assert read.web_allowed_hosts == ["glassbox.example", "localhost"]


def test_the_home_folder_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert Settings(_env_file=None, glassbox_home=Path("~/box")).home == Path("/somewhere/box")


def test_every_missing_setting_is_named_with_the_place_that_explains_it() -> None:
    empty = Settings(_env_file=None, database_url="", redis_url="")
    with pytest.raises(
        InvalidInput, match=r"Set DATABASE_URL, REDIS_URL.*\.env\.example"
    ) as raised:
        empty.require("database_url", "redis_url", "web_host")
    assert raised.value.code == "missing_setting"


def test_a_secret_that_is_missing_is_named_and_one_that_is_there_is_not() -> None:
    with pytest.raises(InvalidInput, match="OPENAI_API_KEY"):
        Settings(_env_file=None, openai_api_key="").require("openai_api_key")
    Settings(_env_file=None, openai_api_key="key").require("openai_api_key")


@pytest.mark.parametrize(
    "wrong",
    [
        {"ibkr_requests_per_second": 11},
        {"lease_seconds": 0},
        {"worker_threads": 0},
        {"web_port": 70_000},
        {"ai_daily_tokens": -1},
    ],
)
def test_an_absurd_setting_stops_the_start_and_is_named(wrong: dict[str, Any]) -> None:
    [name] = wrong
    with pytest.raises(ValidationError, match=name):
        Settings(_env_file=None, **wrong)


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    read = Settings(_env_file=None, openai_api_key="sk-very-secret-key", s3_secret_key="hush-hush")
    assert "very-secret" not in repr(read)
    assert "hush-hush" not in repr(read)


def test_every_setting_explains_itself() -> None:
    unexplained = [
        name
        for name, setting in Settings.model_fields.items()
        if not (setting.description or "").endswith(".")
    ]
    assert unexplained == []
