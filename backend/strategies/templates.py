"""What a new strategy may begin with: a few documents that run as they are."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from backend.core.errors import NotFound, did_you_mean
from backend.strategies import yaml_text

_SEED = Path(__file__).parents[2] / "database" / "seed"
_NAMES = ("trend", "view", "reversion", "breakout")
_SYMBOL = "AAPL"
"""The one that the documents speak of, until another is chosen."""


@dataclass(frozen=True, kw_only=True)
class Template:
    name: str
    title: str
    description: str
    document: dict[str, Any]

    def for_symbol(self, symbol: str) -> dict[str, Any]:
        """The document with this symbol instead, in its name too."""
        name = self.document["name"].replace(_SYMBOL, symbol)
        return {**self.document, "symbols": [symbol], "name": name}


@cache
def templates() -> dict[str, Template]:
    """By name; the example that comes with Glassbox is the first."""
    found = {"example": _read("example", _SEED / "example_strategy.yaml", "Rules and view agree")}
    for name in _NAMES:
        path = _SEED / "templates" / f"{name}.yaml"
        title = path.read_text().partition("\n")[0].removeprefix("# ")
        found[name] = _read(name, path, title)
    return found


def template(name: str) -> Template:
    """Raises `NotFound`, with the nearest name."""
    if name not in templates():
        hint = did_you_mean(name, templates())
        raise NotFound(f"No strategy template is named {name!r}.{hint}")
    return templates()[name]


def _read(name: str, path: Path, title: str) -> Template:
    document = yaml_text.read(path.read_text())
    return Template(name=name, title=title, description=document["description"], document=document)
