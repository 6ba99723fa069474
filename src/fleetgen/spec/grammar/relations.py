"""Lines of the context map: `a [OHS, PL] -> b [ACL]`, `a [P] <-> b [P]`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fleetgen.spec.grammar.units import Unreadable

UPSTREAM_ROLES = ("OHS", "PL", "S")
DOWNSTREAM_ROLES = ("ACL", "CF", "C")
SYMMETRIC_ROLES = ("P", "SK")
ROLES = {
    "OHS": "open host service",
    "PL": "published language",
    "S": "supplier",
    "ACL": "anti-corruption layer",
    "CF": "conformist",
    "C": "customer",
    "P": "partnership",
    "SK": "shared kernel",
}
_SIDE = r"\s*([A-Za-z][A-Za-z0-9-]*)\s*(?:\[([^\[\]<>]*)\])?\s*"
_LINE = re.compile(_SIDE + r"(<->|->|<-)" + _SIDE, re.ASCII)
RELATION_PATTERN = r"^[a-z][a-z0-9-]*( \[[A-Z, ]+\])? (->|<->) [a-z][a-z0-9-]*( \[[A-Z, ]+\])?$"
_FORM = "write `upstream [OHS, PL] -> downstream [ACL]` or `one [P] <-> other [P]`"


@dataclass(frozen=True)
class RelationText:
    """A line's words; `*_at` say where they begin in the text."""

    left: str
    left_at: int
    left_roles: tuple[str, ...]
    right: str
    right_at: int
    right_roles: tuple[str, ...]
    symmetric: bool


def parse_relation(text: str) -> RelationText:
    """Reads one line."""
    found = _LINE.fullmatch(text)
    if found is None:
        raise Unreadable(f"`{text}` is not a line of a context map", _FORM)
    left, left_roles, arrow, right, right_roles = found.groups()
    if arrow == "<-":
        raise Unreadable("`<-` points upstream", f"write `{right} -> {left}`", found.start(3), 2)
    return RelationText(
        left,
        found.start(1),
        _roles(left_roles, found.start(2)),
        right,
        found.start(4),
        _roles(right_roles, found.start(5)),
        arrow == "<->",
    )


def _roles(text: str | None, start: int) -> tuple[str, ...]:
    if text is None:
        return ()
    roles = []
    for word in re.finditer(r"[^,]+", text):
        role = word.group().strip()
        at = start + word.start() + len(word.group()) - len(word.group().lstrip())
        if role.upper() not in ROLES:
            hint = "choose from " + ", ".join(f"`{name}`" for name in ROLES)
            raise Unreadable(f"`{role}` is not a role of a context", hint, at, len(role))
        if role not in ROLES:
            raise Unreadable(f"`{role}` is not a role of a context", f"write `{role.upper()}`", at, len(role))
        roles.append(role)
    return tuple(roles)
