"""Cut the text of a rule into words, numbers and signs, each with its place."""

import re
from typing import NamedTuple, NoReturn

from backend.core.errors import InvalidInput


class Token(NamedTuple):
    kind: str
    """`number`, `name`, `sign` or `end`."""
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


WORDS = ("and", "or", "not")

_SLIPS = {
    "&&": "and",
    "&": "and",
    "||": "or",
    "|": "or",
    "<>": "!=",
    "=>": ">=",
    "=<": "<=",
    "≥": ">=",
    "≤": "<=",
    "=": "==",
    "!": "not",
}
"""What people write who come from another language, and what it is called here."""

_PIECE = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:@[A-Za-z0-9_]*)?)"
    r"|(?P<slip>&&|\|\||<>|=>|=<|&|\||≥|≤|!(?!=)|=(?!=))"
    r"|(?P<sign><=|>=|==|!=|[-+*/<>(),])"
)


def cut(text: str) -> list[Token]:
    """Raises `InvalidInput` at the first sign that the language does not have."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        piece = _PIECE.match(text, position)
        if piece is None:
            refuse(text, position, _foreign(text[position]))
        kind, position = str(piece.lastgroup), piece.end()
        if kind == "slip":
            meant = _SLIPS[piece.group()]
            refuse(text, piece.start(), f"{piece.group()!r} is written {meant!r} here.")
        if kind != "space":
            tokens.append(Token(kind, piece.group(), piece.start()))
    return [*tokens, Token("end", "", len(text))]


def refuse(
    text: str, position: int, problem: str, *, kind: type[InvalidInput] = InvalidInput
) -> NoReturn:
    """Raise an error that says where in the rule the problem is, and what it is."""
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    where = f"Line {line}, column {column}" if "\n" in text else f"Column {column}"
    raise kind(f"{where}: {problem}")


def _foreign(sign: str) -> str:
    if sign == "%":
        return (
            "'%' is not part of the rule language. Write a percentage as a fraction: 2 % is 0.02."
        )
    return (
        f"{sign!r} is not part of the rule language. A rule has names, numbers, "
        "+ - * /, comparisons, and, or, not, parentheses and functions."
    )
