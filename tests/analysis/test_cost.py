import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.analysis.base import Usage
from backend.analysis.cost import most_image_tokens, most_prompt_tokens, priced
from backend.analysis.schema import opinion_schema
from backend.core.settings import ModelPrice

PRICE = ModelPrice(input=Decimal("0.25"), output=Decimal("2"))


def png(width: int, height: int) -> bytes:
    header = struct.pack(">I4sII", 13, b"IHDR", width, height)
    return b"\x89PNG\r\n\x1a\n" + header


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_cost_is_exact_to_the_last_digit(sent: int, received: int) -> None:
    assert priced(sent, received, PRICE) * 1_000_000 * 4 == sent + 8 * received


@given(st.text(max_size=200))
def test_text_never_counts_fewer_tokens_than_it_has_bytes(text: str) -> None:
    assert most_prompt_tokens([text], [], "gpt-5") >= len(text.encode())


@pytest.mark.parametrize(
    ("width", "height", "model", "truth"),
    [
        # Patches of 32 pixels: 1,024 of them, at 2.46 tokens each for the smallest model.
        (1024, 1024, "gpt-4.1-nano", 2_520),
        (1200, 900, "gpt-5-mini", 1_102 * 1.62),
        # Tiles of 512 pixels after shrinking the short side to 768: 4 at 170 and 85, or 33 times.
        (1200, 900, "gpt-4o", 765),
        (1200, 900, "gpt-4o-mini", 25_501),
    ],
)
def test_an_images_bound_lies_above_what_servers_count(
    width: int, height: int, model: str, truth: float
) -> None:
    assert most_image_tokens(png(width, height), model) >= truth


def test_bytes_that_are_no_png_count_as_a_large_image() -> None:
    assert most_image_tokens(b"GIF89a", "gpt-5") == 10_000


def test_usages_add_up_and_stay_estimated() -> None:
    one = Usage(input_tokens=1, output_tokens=2, cost_usd=Decimal("0.1"))
    two = Usage(input_tokens=3, output_tokens=4, cost_usd=Decimal("0.2"), is_estimated=True)
    assert one + two == Usage(
        input_tokens=4, output_tokens=6, cost_usd=Decimal("0.3"), is_estimated=True
    )


def objects(node: object) -> list[dict[str, object]]:
    if isinstance(node, list):
        return [found for item in node for found in objects(item)]
    if not isinstance(node, dict):
        return []
    own = [node] if node.get("type") == "object" else []
    return own + [found for item in node.values() for found in objects(item)]


def test_the_schema_is_strict_in_every_object_and_stands_alone() -> None:
    found = objects(opinion_schema())
    assert len(found) == 2
    for node in found:
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])  # type: ignore[call-overload]
    assert "$ref" not in str(opinion_schema())
    assert "Price to enter at" in str(opinion_schema())
