"""Expressions as text: invariants, conditions of rejections, changes. Gives a raw tree; types come in `typing`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

from fleetgen.model.types import Operator
from fleetgen.spec.grammar.units import Unreadable

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<op><=|>=|!=|==|<>|&&|\|\||[-+*/%()<>=.,!]))",
    re.ASCII,
)
_WORDS = ("and", "or", "not", "true", "false", "sum", "size")
_COMPARE = ("=", "!=", "<", "<=", ">", ">=")
_MISTAKES = {
    "==": "write `=`",
    "<>": "write `!=`",
    "&&": "write `and`",
    "||": "write `or`",
    "!": "write `not`",
    "/": "multiply instead; division would need a rule for rounding",
    "%": "write it with `+`, `-` and `*`",
}
_CALLS = {"count": "size", "len": "size", "length": "size", "total": "sum"}
MOST_CHARACTERS = 1000
MOST_DEPTH = 24
MOST_TOKENS = 200  # a long chain of operators is a deep tree


@dataclass(frozen=True)
class Token:
    """`kind` is number, name, text, op or end."""

    kind: str
    text: str
    start: int


@dataclass(frozen=True)
class RawLiteral:
    """A number, a text or a truth value."""

    value: int | str | bool
    start: int
    length: int


@dataclass(frozen=True)
class RawPath:
    """`lines.quantity`."""

    parts: tuple[str, ...]
    start: int
    length: int


@dataclass(frozen=True)
class RawBinary:
    """`start` and `length` are the operator's."""

    operator: Operator
    left: Raw
    right: Raw
    start: int
    length: int


@dataclass(frozen=True)
class RawCall:
    """`not`, `sum` or `size` of something."""

    name: str
    of: Raw
    start: int
    length: int


Raw = RawLiteral | RawPath | RawBinary | RawCall


def parse_expression(text: str) -> Raw:
    """Reads one expression."""
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(f"an expression of {len(text)} characters", f"write at most {MOST_CHARACTERS}")
    parser = _Parser(_tokens(text))
    tree = parser.disjunction(0)
    parser.finish()
    return tree


def names_in(raw: Raw) -> frozenset[str]:
    """All parts of all paths in a tree."""
    match raw:
        case RawPath():
            return frozenset(raw.parts)
        case RawBinary():
            return names_in(raw.left) | names_in(raw.right)
        case RawCall():
            return names_in(raw.of)
    return frozenset()


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    position = 0
    while text[position:].strip():
        found = _TOKEN.match(text, position)
        if found is None:
            at = len(text) - len(text[position:].lstrip())
            quote = text[at] in "\"'"
            hint = "close the quotes" if quote else "write fields, numbers, `+ - *`, comparisons, `sum()`, `size()`"
            raise Unreadable(f"`{text[at]}` has no meaning here", hint, at, 1)
        kind = found.lastgroup or ""
        start = found.start(kind)
        word = found.group(kind)
        if word in _MISTAKES:
            raise Unreadable(f"`{word}` is not an operator", _MISTAKES[word], start, len(word))
        if kind == "number" and "." in word:
            raise Unreadable(
                f"`{word}` is not a whole number", "write whole numbers; money is in minor units", start, len(word)
            )
        tokens.append(Token(kind, word, start))
        position = found.end()
        if len(tokens) > MOST_TOKENS:
            raise Unreadable("an expression of too many parts", "split the expression", start, len(word))
    tokens.append(Token("end", "", len(text)))
    return tokens


class _Parser:
    """By descent, one method a level of binding; `depth` bounds what a mutated text can do to the stack."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        token = self.token
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def finish(self) -> None:
        if self.token.kind != "end":
            raise self.unexpected("an operator or the end")

    def unexpected(self, wanted: str) -> Unreadable:
        token = self.token
        if token.kind == "end":
            return Unreadable(f"the expression ends where {wanted} is missing", "", token.start, 1)
        return Unreadable(f"`{token.text}` stands where {wanted} is missing", "", token.start, len(token.text))

    def _word(self, *words: str) -> Token | None:
        token = self.token
        if token.kind in ("name", "op") and token.text in words:
            return self.take()
        return None

    def disjunction(self, depth: int) -> Raw:
        if depth > MOST_DEPTH:
            raise Unreadable("nested too deep", "split the expression", self.token.start, 1)
        left = self.conjunction(depth)
        while found := self._word("or"):
            left = RawBinary("or", left, self.conjunction(depth), found.start, 2)
        return left

    def conjunction(self, depth: int) -> Raw:
        left = self.negation(depth)
        while found := self._word("and"):
            left = RawBinary("and", left, self.negation(depth), found.start, 3)
        return left

    def negation(self, depth: int) -> Raw:
        if found := self._word("not"):
            if depth > MOST_DEPTH:
                raise Unreadable("nested too deep", "split the expression", found.start, 3)
            return RawCall("not", self.negation(depth + 1), found.start, 3)
        return self.comparison(depth)

    def comparison(self, depth: int) -> Raw:
        left = self.addition(depth)
        result: Raw | None = None
        while found := self._word(*_COMPARE):
            right = self.addition(depth)
            link = RawBinary(cast(Operator, found.text), left, right, found.start, len(found.text))
            result = link if result is None else RawBinary("and", result, link, found.start, len(found.text))
            left = right
        return result if result is not None else left

    def addition(self, depth: int) -> Raw:
        left = self.product(depth)
        while found := self._word("+", "-"):
            left = RawBinary(cast(Operator, found.text), left, self.product(depth), found.start, 1)
        return left

    def product(self, depth: int) -> Raw:
        left = self.atom(depth)
        while found := self._word("*"):
            left = RawBinary("*", left, self.atom(depth), found.start, 1)
        return left

    def atom(self, depth: int) -> Raw:
        token = self.token
        if token.kind == "number":
            self.take()
            return RawLiteral(int(token.text), token.start, len(token.text))
        if token.kind == "text":
            self.take()
            return RawLiteral(token.text[1:-1], token.start, len(token.text))
        if token.kind == "name":
            return self.name(depth)
        if self._word("("):
            inner = self.disjunction(depth + 1)
            self.close()
            return inner
        if self._word("-"):
            number = self.token
            if number.kind != "number":
                raise self.unexpected("a number")
            self.take()
            return RawLiteral(-int(number.text), token.start, number.start + len(number.text) - token.start)
        raise self.unexpected("a field or a number")

    def close(self) -> None:
        if not self._word(")"):
            raise self.unexpected("`)`")

    def name(self, depth: int) -> Raw:
        token = self.take()
        if token.text in ("true", "false"):
            return RawLiteral(token.text == "true", token.start, len(token.text))
        if token.text in ("and", "or", "not"):
            self.at -= 1
            raise self.unexpected("a field or a number")
        if self._word("("):
            return self.call(token, depth)
        parts = [token.text]
        end = token.start + len(token.text)
        while self._word("."):
            part = self.token
            if part.kind != "name":
                raise self.unexpected("a field")
            self.take()
            parts.append(part.text)
            end = part.start + len(part.text)
        return RawPath(tuple(parts), token.start, end - token.start)

    def call(self, token: Token, depth: int) -> Raw:
        if token.text not in ("sum", "size"):
            known = _CALLS.get(token.text.lower())
            hint = f"write `{known}(…)`" if known else "choose from `sum(…)`, `size(…)`"
            raise Unreadable(f"`{token.text}` is not a function", hint, token.start, len(token.text))
        inner = self.disjunction(depth + 1)
        self.close()
        return RawCall(token.text, inner, token.start, len(token.text))
