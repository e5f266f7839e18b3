"""The settings that this process runs with: value, where it comes from, what it means."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
from pydantic import BaseModel, SecretStr
from pydantic_settings import DotEnvSettingsSource

from backend.core.redaction import redact_text
from backend.core.settings import Settings, settings

GROUPS = (
    ("Data", ("glassbox_home", "database_url", "redis_url", "s3_")),
    ("Gateway", ("ibkr_", "live_")),
    ("Models", ("openai_", "ai_")),
    ("Web", ("web_",)),
    ("Executions and logs", ("",)),
)
"""By how names begin; the first that fits."""


@dataclass(frozen=True, kw_only=True)
class InForce:
    name: str
    """Of the environment variable."""
    value: str
    default: str
    source: str
    meaning: str
    is_secret: bool

    @property
    def is_default(self) -> bool:
        return self.source == "default"


def groups() -> list[tuple[str, list[InForce]]]:
    found: dict[str, list[InForce]] = {title: [] for title, _ in GROUPS}
    from_file = _file()
    for name in Settings.model_fields:
        found[_group(name)].append(_in_force(name, from_file))
    return [(title, rows) for title, rows in found.items() if rows]


def _group(name: str) -> str:
    return next(title for title, starts in GROUPS if name.startswith(starts))


def _in_force(name: str, from_file: Mapping[str, str | None]) -> InForce:
    field = Settings.model_fields[name]
    value = getattr(settings(), name)
    return InForce(
        name=name.upper(),
        value=_shown(value),
        default=_shown(field.default),
        source=_source(name, from_file),
        meaning=field.description or "",
        is_secret=isinstance(value, SecretStr),
    )


def _file() -> Mapping[str, str | None]:
    # Names in lower case, as the settings themselves read the file.
    return DotEnvSettingsSource(Settings).env_vars


def _source(name: str, from_file: Mapping[str, str | None]) -> str:
    """The environment wins over the file; what is empty in either counts as not set."""
    if any(key.lower() == name and value for key, value in os.environ.items()):
        return "environment"
    return ".env" if from_file.get(name) else "default"


def _shown(value: Any) -> str:
    """A secret is only told to be there: its length would be a hint, too."""
    if isinstance(value, SecretStr):
        return "set, hidden" if value.get_secret_value() else ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return orjson.dumps({key: _plain(each) for key, each in value.items()}).decode()
    return "" if value is None else redact_text(str(value))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return str(value) if isinstance(value, Decimal) else value
