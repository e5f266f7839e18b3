"""What the lists of symbols are made of."""

from typing import Annotated

from pydantic import Field, StringConstraints

Symbol = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_upper=True, min_length=1, max_length=20, pattern=r"^[\w. ]+$"
    ),
]
Symbols = Annotated[tuple[Symbol, ...], Field(max_length=500)]


def named(symbols: tuple[str, ...]) -> str:
    """The list in a sentence, cut where it is long."""
    more = len(symbols) - 10
    return ", ".join(symbols[:10]) + (f" and {more} more" if more > 0 else "")
