"""Analysts: a question with charts and numbers in, a structured opinion out. One file each."""

from backend.analysis.base import Analyst, AnswerCache, Budget, analysts
from backend.core.registry import import_siblings
from backend.core.settings import Settings

import_siblings(__name__, __path__)

__all__ = ["analysts", "create", "default_name"]


def default_name(settings: Settings) -> str:
    """Who answers where a strategy names nobody: the model if a key is set, else the rules."""
    return "openai" if settings.openai_api_key.get_secret_value() else "rule_based"


def create(name: str, settings: Settings, *, budget: Budget, cache: AnswerCache | None) -> Analyst:
    """Raises `UnknownName`, with the nearest name that exists."""
    return analysts.get(name).create(settings, budget=budget, cache=cache)
