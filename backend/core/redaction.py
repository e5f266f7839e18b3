"""Secrets never reach lineage, logs or pages."""

import re
from functools import lru_cache
from typing import Any

from backend.core.settings import settings

HIDDEN = "[hidden]"
_NAMES = re.compile(
    r"(^|_|-)(password|passwd|secret|(api|access)[_-]?key|authorization|cookie|token|credential)s?$",
    re.IGNORECASE,
)
_PARAMETERS = "|".join(
    rf"(?<=[?&]{name}=)"
    for name in ("token", "access_token", "key", "api_key", "apikey", "secret", "password")
)
_SHAPES = re.compile(
    r"sk-[A-Za-z0-9_-]{16,}|gbx_[A-Za-z0-9_-]{16,}|(?<=Bearer )[A-Za-z0-9._~+/=-]{8,}"
    rf"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)|(?:{_PARAMETERS})[^&#\s]+",
    re.IGNORECASE,
)
# Each shape holds one of these; to look for them first spares nearly every text the pattern.
_MARKS = ("sk-", "gbx_", "bearer ", "://", "=")
_SHORTEST = 8
"""Characters; anything shorter among the settings would blank out ordinary words."""


def redact(value: Any) -> Any:
    """
    A copy of a JSON value without secrets.

    Hidden are texts under telling names (`api_key`, `Authorization`), strings of a key's shape,
    passwords in URLs, and every secret that the settings hold, wherever it stands.
    """
    return _redact(value, _known_secrets())


def _redact(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, dict):
        return {
            redact_text(str(key), secrets): _hide(item)
            if _is_telling(str(key))
            else _redact(item, secrets)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redact(item, secrets) for item in value]
    if isinstance(value, str):
        return redact_text(value, secrets)
    return value


@lru_cache(maxsize=4096)
def _is_telling(name: str) -> bool:
    return _NAMES.search(name) is not None


def _hide(value: Any) -> Any:
    """Every text inside; numbers stay, since a count of tokens is no secret."""
    if isinstance(value, dict):
        return {key: _hide(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hide(item) for item in value]
    return HIDDEN if isinstance(value, str) and value else value


def redact_text(text: str, secrets: list[str] | None = None) -> str:
    for secret in _known_secrets() if secrets is None else secrets:
        text = text.replace(secret, HIDDEN)
    # No shape is shorter than that, and most texts in a record are.
    if len(text) <= _SHORTEST:
        return text
    folded = text.casefold()
    return _SHAPES.sub(HIDDEN, text) if any(mark in folded for mark in _MARKS) else text


def _known_secrets() -> list[str]:
    return [secret for secret in settings().secrets if len(secret) >= _SHORTEST]
