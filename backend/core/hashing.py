"""One way to turn a value into bytes, and bytes into a name."""

import hashlib
import json
from decimal import Decimal
from typing import Any


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def canonical_json(value: Any) -> bytes:
    """
    The same bytes for the same JSON value, also after a round trip through PostgreSQL's JSONB.

    Keys are sorted and whole floats are written as integers, because JSONB gives 1e21 back as an
    integer: as that of their shortest decimal form, which is what the JSON text held. Raises
    `ValueError` for NaN and infinities, which JSON does not have.
    """
    return json.dumps(
        _normal(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_normal(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(Decimal(repr(value)))
    return value
