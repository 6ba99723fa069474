"""Gives types to a raw expression: fields are found in their scope, operands must fit together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from fleetgen.model.fleet import Field
from fleetgen.model.types import (
    Binary,
    Expression,
    FieldPath,
    Literal_,
    Not,
    Operator,
    Size,
    StateName,
    Sum,
    Type,
)
from fleetgen.spec.codes import choose
from fleetgen.spec.grammar.expressions import Raw, RawBinary, RawCall, RawLiteral, RawPath
from fleetgen.spec.grammar.units import Unreadable

INT, DECIMAL, MONEY, BOOL, STRING = Type("int"), Type("decimal"), Type("money"), Type("bool"), Type("string")
_STATE = Type("string")
_TEXTS = ("string", "text", "url")
_ORDERED = ("int", "decimal", "money", "date", "datetime", "duration")
Typed = tuple[Expression, Type]


@dataclass(frozen=True)
class Scope:
    """What an expression may name. An input hides a field of the aggregate of the same name."""

    state: Mapping[str, Field] = field(default_factory=dict)
    input: Mapping[str, Field] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Field]] = field(default_factory=dict)
    states: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All first parts of a path."""
        return (*self.input, *self.state, *(("state",) if self.states else ()))


def plain(of: Type) -> Type:
    """Without `optional`."""
    return of.of if of.kind == "optional" and of.of is not None else of


def give_types(raw: Raw, scope: Scope) -> Typed:
    """The typed tree and what it yields; raises `Unreadable` where parts do not fit."""
    return _Typing(scope).of(raw)


class _Typing:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.list: FieldPath | None = None  # that the enclosing sum goes over
        self.summing = False

    def of(self, raw: Raw) -> Typed:
        if isinstance(raw, RawLiteral):
            kind = BOOL if isinstance(raw.value, bool) else INT if isinstance(raw.value, int) else STRING
            return Literal_(raw.value), kind
        if isinstance(raw, RawPath):
            return self._path(raw)
        if isinstance(raw, RawCall):
            calls: dict[str, Callable[[RawCall], Typed]] = {"not": self._not, "size": self._size, "sum": self._sum}
            return calls[raw.name](raw)
        return self._binary(raw)

    # -- names

    def _first(self, raw: RawPath) -> tuple[Literal["state", "input"], Type]:
        name = raw.parts[0]
        if name in self.scope.input:
            return "input", self.scope.input[name].type
        if name in self.scope.state:
            return "state", self.scope.state[name].type
        if name == "state" and self.scope.states:
            return "state", _STATE
        hint = choose(name, self.scope.names)
        raise Unreadable(f"`{name}` is not a field or input here", hint, raw.start, len(name))

    def _path(self, raw: RawPath) -> Typed:
        scope, kind = self._first(raw)
        at = raw.start + len(raw.parts[0]) + 1
        for index, part in enumerate(raw.parts[1:], start=1):
            if self.summing and plain(kind).kind == "list":
                return self._item(raw, scope, index, plain(kind), at)
            kind = self._part(kind, part, at)
            at += len(part) + 1
        return FieldPath(scope, raw.parts, kind), kind

    def _item(self, raw: RawPath, scope: Literal["state", "input"], index: int, of: Type, at: int) -> Typed:
        over = FieldPath(scope, raw.parts[:index], of)
        if self.list is not None and self.list != over:
            raise Unreadable("a sum goes over one list", "write two sums", raw.start, raw.length)
        self.list = over
        kind = of.of or STRING
        for part in raw.parts[index:]:
            kind = self._part(kind, part, at)
            at += len(part) + 1
        return FieldPath("item", raw.parts[index:], kind), kind

    def _part(self, of: Type, part: str, at: int) -> Type:
        kind = plain(of)
        if kind.kind == "money":
            parts = {"amount": INT, "currency": STRING}
        elif kind.kind == "value":
            parts = {name: each.type for name, each in self.scope.values.get(kind.value, {}).items()}
        elif kind.kind == "list":
            raise Unreadable(f"`{part}` of a list means each item's", "write `sum(…)` round it", at, len(part))
        else:
            raise Unreadable(f"{_article(kind)} has no part `{part}`", "", at, len(part))
        if part not in parts:
            raise Unreadable(f"{_article(kind)} has no part `{part}`", choose(part, parts), at, len(part))
        found = parts[part]
        return Type("optional", of=found) if of.kind == "optional" and found.kind != "optional" else found

    # -- calls

    def _not(self, raw: RawCall) -> Typed:
        operand, kind = self.of(raw.of)
        if kind != BOOL:
            raise Unreadable(f"`not` wants a truth value, this is {_article(kind)}", "", raw.start, raw.length)
        return Not(operand), BOOL

    def _size(self, raw: RawCall) -> Typed:
        operand, kind = self.of(raw.of)
        if kind.kind != "list" and kind.kind not in _TEXTS:
            said = f"`size` wants a list or a text, this is {_article(kind)}"
            raise Unreadable(said, _optional_hint(kind), raw.start, raw.length)
        return Size(operand), INT

    def _sum(self, raw: RawCall) -> Typed:
        if self.summing:
            raise Unreadable("a sum inside a sum", "give the item a field for it", raw.start, raw.length)
        inner = _Typing(self.scope)
        inner.summing = True
        term, kind = inner.of(raw.of)
        if inner.list is None:
            hint = "write `sum(list.field)`"
            raise Unreadable("`sum` names no list", hint, raw.start, raw.length)
        if kind.kind not in ("int", "decimal", "money"):
            said = f"`sum` wants numbers or money, this is {_article(kind)}"
            raise Unreadable(said, _optional_hint(kind), raw.start, raw.length)
        return Sum(inner.list, term, kind), kind

    # -- operators

    def _binary(self, raw: RawBinary) -> Typed:
        if raw.operator in ("=", "!=") and (found := self._state_compared(raw)):
            return found
        left, left_type = self.of(raw.left)
        right, right_type = self.of(raw.right)
        result = _result(raw.operator, left_type, right_type)
        if result is None:
            said = f"`{raw.operator}` does not fit {_article(left_type)} and {_article(right_type)}"
            hint = _optional_hint(left_type) or _optional_hint(right_type) or _hint(left_type, right_type)
            raise Unreadable(said, hint, raw.start, raw.length)
        return Binary(raw.operator, left, right), result

    def _state_compared(self, raw: RawBinary) -> Typed | None:
        sides = (raw.left, raw.right)
        state = next((side for side in sides if self._is_state(side)), None)
        if state is None:
            return None
        other = sides[1] if state is sides[0] else sides[0]
        name = ".".join(other.parts) if isinstance(other, RawPath) else getattr(other, "value", "")
        if name not in self.scope.states:
            hint = choose(str(name), self.scope.states)
            raise Unreadable(f"`{name}` is not a state", hint, other.start, other.length)
        path = FieldPath("state", ("state",), _STATE)
        return Binary(raw.operator, path, StateName(str(name))), BOOL

    def _is_state(self, raw: Raw) -> bool:
        hidden = "state" in self.scope.input or "state" in self.scope.state
        return isinstance(raw, RawPath) and raw.parts == ("state",) and bool(self.scope.states) and not hidden


def _result(operator: Operator, left: Type, right: Type) -> Type | None:
    if operator in ("and", "or"):
        return BOOL if left == right == BOOL else None
    if operator in ("=", "!="):
        return BOOL if _alike(plain(left), plain(right)) else None
    if operator in ("<", "<=", ">", ">="):
        return BOOL if left.kind in _ORDERED and _alike(left, right) else None
    return _arithmetic(operator, left.kind, right.kind)


def _arithmetic(operator: Operator, left: str, right: str) -> Type | None:
    kinds = {left, right}
    if kinds <= {"int", "decimal"}:
        return INT if kinds == {"int"} else DECIMAL
    if operator == "*":
        return MONEY if kinds == {"money", "int"} else None
    return MONEY if kinds == {"money"} else None


def _alike(left: Type, right: Type) -> bool:
    numbers = ("int", "decimal")
    if left.kind in numbers and right.kind in numbers:
        return True
    if left.kind in _TEXTS and right.kind in _TEXTS:
        return True
    return left == right and left.kind not in ("list", "json", "value")


def _article(of: Type) -> str:
    if of.kind == "optional" and of.of is not None:
        return f"an optional {of.of}"
    word = of.value or of.kind
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _optional_hint(of: Type) -> str:
    return "it may be absent: compare it with `=`, or make the field required" if of.kind == "optional" else ""


def _hint(left: Type, right: Type) -> str:
    kinds = {left.kind, right.kind}
    if kinds == {"money", "int"}:
        return "write `.amount` for the minor units"
    if kinds == {"money", "decimal"}:
        return "multiply money by whole numbers, so that nothing is rounded"
    return ""
