"""The answer's shape as a JSON schema in the strict dialect that model servers enforce."""

from functools import cache
from typing import Any

from backend.analysis.base import Opinion

_LEFT_OUT = {"title", "default", "minimum", "maximum"}
"""Ranges are refused by some servers that speak the protocol; we check them ourselves."""


@cache
def opinion_schema() -> dict[str, Any]:
    """
    `Opinion` with every field required, nothing else allowed, and references written out.

    Source of the dialect: OpenAI's guide to structured outputs, "supported schemas". Do not
    change what is returned: every request shares it.
    """
    schema = Opinion.model_json_schema()
    strict = _strict(schema, schema.pop("$defs"))
    assert isinstance(strict, dict)
    return strict


def _strict(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_strict(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/$defs/")
        return _strict({**definitions[name], **_without_ref(node)}, definitions)
    made = {
        key: _properties(value, definitions) if key == "properties" else _strict(value, definitions)
        for key, value in node.items()
        if key not in _LEFT_OUT
    }
    if "properties" in made:
        made["required"] = list(made["properties"])
        made["additionalProperties"] = False
    return made


def _properties(properties: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    return {name: _strict(value, definitions) for name, value in properties.items()}


def _without_ref(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != "$ref"}
