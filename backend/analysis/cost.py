"""What a question may cost at worst, and what it did cost."""

from collections.abc import Sequence
from decimal import Decimal
from math import ceil

from backend.analysis.base import Usage
from backend.core.settings import ModelPrice

_MILLION = 1_000_000
_PER_MESSAGE = 8
"""Marks around each message; the protocol's documents say three or four."""
_UNREADABLE_IMAGE = 10_000
"""For bytes that are no PNG: more than any model of today counts for one picture."""


def most_prompt_tokens(texts: Sequence[str], images: Sequence[bytes], model: str) -> int:
    """
    An upper bound of the tokens that a server will count for these texts and PNG images.

    Text: byte-pair encodings never make more tokens than bytes, so the bytes are counted; for
    English it is about four times the truth, for tables of numbers about twice. Too much set
    aside is given back when the call is settled; too little could overdraw the day.
    """
    text = sum(len(text.encode()) + _PER_MESSAGE for text in texts)
    return text + sum(most_image_tokens(image, model) for image in images)


def most_image_tokens(png: bytes, model: str) -> int:
    """
    An upper bound for one PNG image in high detail.

    Most models count patches of 28 or 32 pixels a side, some up to 2.46 tokens for each; smaller
    patches and a factor of 2.5 bound them all. gpt-4o-mini counts tiles of 512 pixels instead, at
    5,667 tokens each and 2,833 for the image. Source: OpenAI's guide to images and vision.
    """
    if png[:8] != b"\x89PNG\r\n\x1a\n" or len(png) < 24:
        return _UNREADABLE_IMAGE
    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    if model.startswith("gpt-4o-mini"):
        return 2_833 + 5_667 * ceil(width / 512) * ceil(height / 512)
    return ceil(ceil(width / 28) * ceil(height / 28) * 2.5)


def priced(input_tokens: int, output_tokens: int, price: ModelPrice) -> Decimal:
    """US dollars, exact. Discounts for repeated prompts are not counted, so it is never too low."""
    return (input_tokens * price.input + output_tokens * price.output) / _MILLION


def usage(
    input_tokens: int, output_tokens: int, price: ModelPrice, *, is_estimated: bool = False
) -> Usage:
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost_usd=priced(input_tokens, output_tokens, price),
        is_estimated=is_estimated,
    )
