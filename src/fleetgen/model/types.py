"""Field types and expressions of the specification, neutral of any language.

One table a language maps `TypeKind` to its own types; nothing here knows a language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TypeKind = Literal[
    "string", "text", "int", "decimal", "money", "bool", "uuid", "date", "datetime", "duration",
    "url", "json", "value", "list", "optional",
]  # fmt: skip
SCALAR_KINDS: tuple[TypeKind, ...] = (
    "string", "text", "int", "decimal", "money", "bool", "uuid", "date", "datetime", "duration",
    "url", "json",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Type:
    """`value` names a value object for kind `value`; `of` is the inner type of `list` and `optional`."""

    kind: TypeKind
    value: str = ""
    of: Type | None = None

    def __str__(self) -> str:
        """As a person writes it in the specification."""
        if self.of is not None:
            return f"{{{self.kind}: {self.of}}}"
        return self.value or self.kind

    @property
    def value_names(self) -> tuple[str, ...]:
        """The value objects this type mentions."""
        if self.of is not None:
            return self.of.value_names
        return (self.value,) if self.value else ()


# Expressions: `total = sum(lines.quantity * lines.price)` becomes a tree that every language renders.
Operator = Literal["=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "and", "or"]


@dataclass(frozen=True, slots=True)
class Literal_:
    """A number, a text or a truth value."""

    value: int | str | bool
    kind: Literal["literal"] = "literal"


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A field of the aggregate (`scope: state`), of the command's input (`input`), or of a list's item (`item`)."""

    scope: Literal["state", "input", "item"]
    path: tuple[str, ...]
    type: Type
    kind: Literal["field"] = "field"


@dataclass(frozen=True, slots=True)
class StateName:
    """A state of the aggregate, in a comparison with `state`."""

    state: str
    kind: Literal["state"] = "state"


@dataclass(frozen=True, slots=True)
class Binary:
    """An operation on two expressions."""

    operator: Operator
    left: Expression
    right: Expression
    kind: Literal["binary"] = "binary"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a truth value."""

    operand: Expression
    kind: Literal["not"] = "not"


@dataclass(frozen=True, slots=True)
class Size:
    """The number of items of a list, or of characters of a text."""

    of: Expression
    kind: Literal["size"] = "size"


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of `term` over the items of the list `over`; inside, items are fields of scope `item`.

    `type` is that of the term: a sum of money stays money (and the empty sum equals any zero).
    """

    over: FieldPath
    term: Expression
    type: Type
    kind: Literal["sum"] = "sum"


Expression = Literal_ | FieldPath | StateName | Binary | Not | Size | Sum
