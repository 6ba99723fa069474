"""Names in the cases languages want, safe in every target language.

Specification names are plain ASCII words: services and contexts in kebab-case, fields in camelCase, commands, events
and aggregates in PascalCase. `words` splits them; a name is *canonical* when joining its words gives it back, which the
specification demands, so that every language can map its own form back to the name on the wire.
"""

from __future__ import annotations

import re
from functools import cache

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+|[0-9]+")

# A word reserved in one language is unsafe in all: one spelling serves the whole fleet.
_PYTHON = """
    false none true and as assert async await break class continue def del elif else except finally for from global if
    import in is lambda nonlocal not or pass raise return try while with yield match case type self cls super property
    list dict set tuple str int float bool bytes object
"""
_JAVA = """
    abstract boolean byte catch char const default do double enum extends final goto implements instanceof interface
    long native new null package private protected public short static strictfp switch synchronized this throw throws
    transient void volatile record sealed permits var
"""
_GO = "chan defer fallthrough func range select struct error any nil iota make"
_TYPESCRIPT = "debugger export function typeof arguments eval let undefined never unknown symbol namespace constructor"
_ERLANG = "after begin bnot bor bsl bsr bxor cond div end fun maybe orelse andalso receive rem when xor"
_POSTGRESQL = "ctid xmin xmax cmin cmax tableoid"  # columns that every table has
_GENERATED = "dt"  # the module `datetime` in generated Python, where a class has fields of its types
RESERVED: frozenset[str] = frozenset(
    " ".join((_PYTHON, _JAVA, _GO, _TYPESCRIPT, _ERLANG, _POSTGRESQL, _GENERATED)).split()
)


@cache
def words(name: str) -> tuple[str, ...]:
    """`orderId`, `OrderID`, `order-id` and `order_id` all give `("order", "id")`."""
    return tuple(word.lower() for part in re.split(r"[-_\s]+", name) for word in _WORD.findall(part))


@cache
def snake(name: str) -> str:
    """`OrderLine` -> `order_line`, a safe identifier (`from` -> `from_`)."""
    return _safe("_".join(words(name)))


@cache
def kebab(name: str) -> str:
    """`OrderLine` -> `order-line`."""
    return "-".join(words(name))


@cache
def camel(name: str) -> str:
    """`order-line` -> `orderLine`, a safe identifier."""
    first, *rest = words(name) or ("",)
    return _safe(first + "".join(word.capitalize() for word in rest))


@cache
def pascal(name: str) -> str:
    """`order-line` -> `OrderLine`."""
    return "".join(word.capitalize() for word in words(name))


@cache
def plural(name: str) -> str:
    """The last word in the plural, kebab-case: `Category` -> `categories`. English rules, good enough for paths."""
    *head, last = words(name) or ("",)
    if re.search(r"(s|x|z|ch|sh)$", last):
        last += "es"
    elif re.search(r"[^aeiou]y$", last):
        last = last[:-1] + "ies"
    else:
        last += "s"
    return "-".join((*head, last))


def _safe(identifier: str) -> str:
    return identifier + "_" if identifier.lower() in RESERVED else identifier
