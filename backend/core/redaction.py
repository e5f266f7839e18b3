"""Secrets never reach lineage, logs or pages."""

import re
from typing import Any

from pydantic import SecretStr

from backend.core.settings import settings

HIDDEN = "[hidden]"
_NAMES = re.compile(
    r"(^|_|-)(password|passwd|secret|api_?key|access_?key|authorization|cookie|token|credential)s?$",
    re.IGNORECASE,
)
_SHAPES = re.compile(
    r"sk-[A-Za-z0-9_-]{16,}|gbx_[A-Za-z0-9_-]{16,}|(?<=Bearer )[A-Za-z0-9._~+/=-]{8,}|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"
)


def redact(value: Any) -> Any:
    """
    A copy of a JSON value without secrets.

    Hidden are values under telling names (`api_key`, `Authorization`), strings of a key's shape,
    passwords in URLs, and every secret that the settings hold, wherever it stands.
    """
    return _redact(value, _known_secrets())


def _redact(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: HIDDEN
            if isinstance(item, str) and item and _NAMES.search(str(key))
            else _redact(item, secrets)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redact(item, secrets) for item in value]
    if isinstance(value, str):
        return redact_text(value, secrets)
    return value


def redact_text(text: str, secrets: list[str] | None = None) -> str:
    for secret in _known_secrets() if secrets is None else secrets:
        text = text.replace(secret, HIDDEN)
    return _SHAPES.sub(HIDDEN, text)


def _known_secrets() -> list[str]:
    values = (getattr(settings(), name) for name in type(settings()).model_fields)
    secrets = (value.get_secret_value() for value in values if isinstance(value, SecretStr))
    # Anything shorter would blank out ordinary words.
    return [secret for secret in secrets if len(secret) >= 8]
