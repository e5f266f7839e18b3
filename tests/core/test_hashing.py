"""The bytes that hashes are taken of stay the same through JSON text and PostgreSQL's JSONB."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.hashing import canonical_json, sha256_hex

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


def test_the_hash_is_that_of_the_standard() -> None:
    # FIPS 180-4, the empty message.
    assert sha256_hex(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_order_of_keys_does_not_matter() -> None:
    assert canonical_json({"b": 1, "a": {"d": 2, "c": 3}}) == b'{"a":{"c":3,"d":2},"b":1}'
    assert canonical_json({"a": {"c": 3, "d": 2}, "b": 1}) == b'{"a":{"c":3,"d":2},"b":1}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, b"1"),
        (-0.0, b"0"),
        (1e21, b"1000000000000000000000"),
        # Its binary value is ...472: what counts is the text that the database was given.
        (66449561029287470.0, b"66449561029287470"),
        (0.1, b"0.1"),
        (5e-324, b"5e-324"),
        ("ü\n", '"ü\\n"'.encode()),
        ((1, 2), b"[1,2]"),
        (None, b"null"),
        (True, b"true"),
    ],
)
def test_every_value_has_one_spelling(value: Any, text: bytes) -> None:
    assert canonical_json(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1.5, {"a": float("-inf")}]])
def test_what_json_does_not_have_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(value)


@given(JSON)
@settings(max_examples=100)
def test_the_bytes_survive_a_way_through_json_text(value: Any) -> None:
    assert canonical_json(json.loads(canonical_json(value))) == canonical_json(value)
