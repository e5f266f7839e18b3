"""
From the text of a rule to a tree, refusing with a column and a remedy what makes no sense.

    rule       = condition, the whole text
    or, and    = joined left to right; `and` binds closer, `not` closer still
    comparison = sum (< <= > >= == !=) sum ..., chained as in mathematics: 30 < rsi_14 < 70
    sum        = product + - product ...        product = signed * / signed ...
    atom       = number | name | name@timeframe | function(arguments) | ( or )
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from math import isfinite
from typing import NoReturn

from backend.core.errors import InvalidInput, UnknownName, did_you_mean
from backend.trading.rules import operators
from backend.trading.rules.checks import bind, require
from backend.trading.rules.functions import Function, functions
from backend.trading.rules.rule import Rule
from backend.trading.rules.tokens import WORDS, Token, cut, refuse
from backend.trading.rules.tree import (
    Apply,
    Constant,
    Kind,
    Node,
    Operation,
    Series,
    evaluate,
    walk,
)

MAX_LENGTH = 2_000
MAX_DEPTH = 25
"""Levels of nesting: more than a person can read, less than Python's own stack allows."""


def parse(text: str, names: Collection[str], *, field: str | None = None) -> Rule:
    """
    The rule that the text says. `names` are all series it may speak of: `close`, `sma_20@1w`.

    Raises `InvalidInput` (`UnknownName` for a name) whose sentence gives the column, counted from
    1, and the remedy; `field` is where the text stands in the user's input.
    """
    try:
        return Rule(text=text, root=_Parser(text, names).rule())
    except InvalidInput as error:
        error.field = field
        raise


class _Parser:
    def __init__(self, text: str, names: Collection[str]) -> None:
        if not text.strip():
            raise InvalidInput("The rule is empty. Write a condition, such as rsi_14 < 70.")
        if len(text) > MAX_LENGTH:
            raise InvalidInput(
                f"The rule has {len(text):,} characters; at most {MAX_LENGTH:,} are allowed. "
                "Split it, or let an indicator do part of the work."
            )
        self.text = text
        self.names = names
        self.tokens = cut(text)
        self.place = 0
        self.depth = 0

    def rule(self) -> Node:
        node = self._or()
        if self._next.kind != "end":
            self._unexpected("'and', 'or', a comparison or the end of the rule")
        self._require(node, Kind.CONDITION, "a rule is a condition")
        if not any(isinstance(piece, Series) for piece in walk(node)):
            refuse(
                self.text,
                node.start,
                "the rule speaks of no price and no indicator: it would say the same forever.",
            )
        return node

    def _or(self) -> Node:
        return self._joined(operators.OR, self._and)

    def _and(self) -> Node:
        return self._joined(operators.AND, self._not)

    def _joined(self, operation: Operation, operand: Callable[[], Node]) -> Node:
        start = self._next.start
        nodes = [operand()]
        while self._accept(operation.name):
            nodes.append(operand())
        if len(nodes) == 1:
            return nodes[0]
        for node in nodes:
            self._require(node, Kind.CONDITION, f"{operation.name!r} joins conditions")
        return self._apply(operation, nodes, start)

    def _not(self) -> Node:
        start = self._next.start
        if not self._accept("not"):
            return self._comparison()
        with self._deeper(start):
            node = self._not()
        self._require(node, Kind.CONDITION, "'not' turns a condition round")
        return self._apply(operators.NOT, [node], start)

    def _comparison(self) -> Node:
        operands, starts, ends = [], [self._next.start], []
        operands.append(self._sum())
        ends.append(self._end)
        signs: list[str] = []
        while token := self._accept(*operators.COMPARISONS):
            signs.append(token.text)
            starts.append(self._next.start)
            operands.append(self._sum())
            ends.append(self._end)
        if not signs:
            return operands[0]
        for node in operands:
            self._require(node, Kind.NUMBER, "a comparison needs a number on each side")
        pairs = [
            self._apply(
                operators.COMPARISONS[sign], operands[at : at + 2], starts[at], end=ends[at + 1]
            )
            for at, sign in enumerate(signs)
        ]
        return pairs[0] if len(pairs) == 1 else self._apply(operators.AND, pairs, starts[0])

    def _sum(self) -> Node:
        return self._calculated("+-", self._product)

    def _product(self) -> Node:
        return self._calculated("*/", self._signed)

    def _calculated(self, signs: str, operand: Callable[[], Node]) -> Node:
        start = self._next.start
        node = operand()
        while token := self._accept(*signs):
            at = self._next.start
            right = operand()
            for side in (node, right):
                self._require(side, Kind.NUMBER, f"{token.text!r} calculates with numbers")
            if token.text == "/" and isinstance(right, Constant) and right.value == 0:
                refuse(self.text, at, "this divides by zero. Divide by something else.")
            node = self._apply(operators.ARITHMETIC[token.text], [node, right], start)
        return node

    def _signed(self) -> Node:
        start = self._next.start
        if not self._accept("-"):
            return self._atom()
        with self._deeper(start):
            node = self._signed()
        self._require(node, Kind.NUMBER, "'-' turns a number round")
        return self._apply(operators.MINUS, [node], start)

    def _atom(self) -> Node:
        token = self._next
        if self._accept("("):
            return self._inside(token)
        if token.kind == "number":
            self.place += 1
            return self._constant(float(token.text), token.start)
        if token.kind != "name" or token.text.lower() in WORDS:
            self._unexpected("a price, an indicator, a number, a function or '('")
        self.place += 1
        return self._call(token) if self._accept("(") else self._series(token)

    def _inside(self, opening: Token) -> Node:
        with self._deeper(opening.start):
            node = self._or()
        self._close(opening)
        return node

    def _series(self, token: Token) -> Node:
        if token.text in self.names:
            return Series(text=token.text, start=token.start, name=token.text)
        if token.text in functions:
            signature = functions.get(token.text).signature
            refuse(self.text, token.start, f"{token.text!r} is a function: write {signature}.")
        hint = did_you_mean(token.text.lower(), self.names)
        refuse(
            self.text,
            token.start,
            f"no price or indicator is named {token.text!r}.{hint} "
            "A rule can use open, high, low, close, volume and the indicators of the strategy's "
            "charts: add the indicator to a chart before a rule speaks of it.",
            kind=UnknownName,
        )

    def _call(self, name: Token) -> Node:
        opening = self.tokens[self.place - 1]
        function = self._function(name)
        arguments: list[Node] = []
        with self._deeper(name.start):
            if self._next.text != ")":
                arguments.append(self._or())
            while self._accept(","):
                arguments.append(self._or())
        self._close(opening)
        operands, options = bind(function, arguments, self.text, name.start)
        return self._apply(function, operands, name.start, options=options)

    def _function(self, name: Token) -> Function:
        if name.text in functions:
            return functions.get(name.text)
        if name.text in self.names:
            refuse(self.text, name.start, f"{name.text!r} is a series: write it without '('.")
        hint = did_you_mean(name.text.lower(), functions)
        refuse(
            self.text,
            name.start,
            f"no function is named {name.text!r}.{hint} The functions are "
            f"{', '.join(functions)}. Indicators go by their label, such as sma_20.",
            kind=UnknownName,
        )

    def _constant(self, value: float, start: int) -> Node:
        text = self.text[start : self._end]
        if not isfinite(value):
            refuse(self.text, start, f"{text!r} is not a finite number. Write a smaller one.")
        return Constant(text=text, start=start, value=value)

    def _apply(
        self,
        operation: Operation,
        arguments: list[Node],
        start: int,
        *,
        end: int | None = None,
        options: tuple[float, ...] = (),
    ) -> Node:
        node = Apply(
            text=" ".join(self.text[start : end or self._end].split()),
            start=start,
            operation=operation,
            arguments=tuple(arguments),
            options=options,
            levels=1 + max(argument.depth for argument in arguments),
        )
        if node.levels > MAX_DEPTH:
            self._too_deep(start)
        # Arithmetic on plain numbers is one: `close / (5 - 5)` is refused, `highest(x, 2 * 5)` not.
        is_arithmetic = node.kind is Kind.NUMBER and not isinstance(operation, Function)
        if is_arithmetic and all(isinstance(argument, Constant) for argument in arguments):
            return self._constant(float(evaluate(node, {}, 1)[0]), start)
        return node

    @property
    def _next(self) -> Token:
        return self.tokens[self.place]

    @property
    def _end(self) -> int:
        """Where the piece just read ends."""
        return self.tokens[self.place - 1].end

    def _accept(self, *texts: str) -> Token | None:
        token = self._next
        if token.kind in ("number", "end") or token.text not in texts:
            return None
        self.place += 1
        return token

    def _close(self, opening: Token) -> None:
        if self._accept(")"):
            return
        if self._next.kind == "end":
            refuse(self.text, opening.start, "this '(' is never closed. Add ')'.")
        self._unexpected("',' or ')'")

    def _unexpected(self, expected: str) -> NoReturn:
        token = self._next
        if token.text.lower() in WORDS and token.text not in WORDS:
            refuse(self.text, token.start, f"write {token.text.lower()!r} in lower case.")
        found = f"{token.text!r} stands" if token.kind != "end" else "the rule ends"
        refuse(self.text, token.start, f"{found} where {expected} was expected.")

    def _require(self, node: Node, kind: Kind, reason: str) -> None:
        require(node, kind, reason, self.text)

    @contextmanager
    def _deeper(self, start: int) -> Iterator[None]:
        if self.depth >= MAX_DEPTH:
            self._too_deep(start)
        self.depth += 1
        yield
        self.depth -= 1

    def _too_deep(self, start: int) -> NoReturn:
        refuse(
            self.text,
            start,
            f"the rule is nested more than {MAX_DEPTH} levels deep here. Write it flatter.",
        )
