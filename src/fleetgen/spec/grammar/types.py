"""Field types: a word, `{list: T}` or `{optional: T}`. Whether a value's name exists is for resolving to say."""

from __future__ import annotations

import re

from fleetgen.model.types import SCALAR_KINDS, Type
from fleetgen.spec.codes import Code, Problems, choose
from fleetgen.spec.node import Mapping, Node, Scalar, kind_of

_VALUE_NAME = re.compile(r"[A-Z][A-Za-z0-9]*", re.ASCII)
# Words people bring from languages and databases.
_ALIASES = {
    "str": "string",
    "varchar": "string",
    "integer": "int",
    "long": "int",
    "bigint": "int",
    "number": "decimal",
    "float": "decimal",
    "double": "decimal",
    "boolean": "bool",
    "guid": "uuid",
    "id": "uuid",
    "timestamp": "datetime",
    "time": "datetime",
    "uri": "url",
    "object": "json",
    "map": "json",
    "instant": "datetime",
    "amount": "money",
    "array": "{list: …}",
}


def parse_type(node: Node, problems: Problems) -> Type | None:
    """The type, or None after saying what is wrong with it."""
    if isinstance(node, Scalar):
        return _word(node, problems)
    if isinstance(node, Mapping):
        return _wrapped(node, problems)
    problems.add(Code.BAD_TYPE, f"a type is a word or a mapping, not {kind_of(node)}", node.span, "write `{list: T}`")
    return None


def _word(node: Scalar, problems: Problems) -> Type | None:
    text = node.text
    for kind in SCALAR_KINDS:
        if text == kind:
            return Type(kind)
    if _VALUE_NAME.fullmatch(text) and text.lower() not in _ALIASES and text.lower() not in SCALAR_KINDS:
        return Type("value", value=text)
    lower = text.lower()
    if is_short := text.endswith(("[]", "?")):
        inner = text.rstrip("[]?")
        hint = f"write `{{{'optional' if text.endswith('?') else 'list'}: {inner}}}`"
    elif lower in SCALAR_KINDS:
        hint = f"write `{lower}`"
    else:
        hint = f"write `{_ALIASES[lower]}`" if lower in _ALIASES else choose(text, SCALAR_KINDS)
    said = "is not written that way" if is_short else "is not a type"
    problems.add(Code.BAD_TYPE, f"`{text}` {said}", node.span, hint)
    return None


def _wrapped(node: Mapping, problems: Problems) -> Type | None:
    entries = list(node)
    if len(entries) != 1 or entries[0][0].text not in ("list", "optional"):
        span = entries[0][0].span if entries else node.span
        problems.add(Code.BAD_TYPE, "not a type", span, "write a word, `{list: T}` or `{optional: T}`")
        return None
    key, value = entries[0]
    inner = parse_type(value, problems)
    if inner is None:
        return None
    if key.text == "optional":
        if inner.kind == "optional":
            problems.add(Code.BAD_TYPE, "optional of optional says nothing more", key.span, f"write `{inner}`")
            return None
        return Type("optional", of=inner)
    if inner.kind in ("optional", "list"):
        problems.add(
            Code.BAD_TYPE,
            f"a list of {inner.kind} has no form in a table or schema",
            key.span,
            "make its items a value with that field",
        )
        return None
    return Type("list", of=inner)
