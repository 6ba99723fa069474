"""Fields and value objects of an aggregate."""

from __future__ import annotations

from fleetgen.model.fleet import Field, Value
from fleetgen.model.types import SCALAR_KINDS, Type
from fleetgen.spec.codes import Code, Problems, choose
from fleetgen.spec.grammar.types import parse_type
from fleetgen.spec.node import Mapping, Node, Scalar
from fleetgen.spec.resolve.reader import Reader, entries
from fleetgen.spec.resolve.session import Session


def read_fields(node: Node | None, sensitive: dict[str, str], session: Session) -> tuple[Field, ...]:
    """The fields of a mapping from names to types; a field whose type cannot be read is left out, and named broken."""
    found: dict[str, Field] = {}
    folded: dict[str, Scalar] = {}
    for key, value in entries(node):
        renamed = ""
        if isinstance(value, Mapping) and value.key("type") is not None:
            before = value.get("renamed-from")
            renamed = before.text if isinstance(before, Scalar) else ""
        of = read_type(value, session)
        if twin := folded.get(key.text.lower()):
            session.problems.add(
                Code.DUPLICATE_NAME,
                f"`{key.text}` and `{twin.text}` differ in case only",
                key.span,
                "rename one of them",
            )
        folded[key.text.lower()] = key
        if of is None:
            session.broken.add(key.text)
            of = Type("json")  # stands in, so that what names the field is not reported as well
        found[key.text] = Field(
            name=key.text, span=key.span, type=of, sensitive=sensitive.get(key.text, ""), renamed_from=renamed
        )
    _report_half_renamed(found, session)
    return tuple(found.values())


def _report_half_renamed(found: dict[str, Field], session: Session) -> None:
    """A field cannot both stay and go on under another name: which of the two would have the stored values?"""
    for field in found.values():
        if field.renamed_from in found:
            former = found[field.renamed_from]
            session.problems.add(
                Code.DUPLICATE_NAME,
                f"`{field.name}` takes the place of `{former.name}`, which is still there",
                former.span,
                f"take `{former.name}` away, or `renamed-from` at `{field.name}`",
            )


def read_type(node: Node, session: Session) -> Type | None:
    """A type whose value objects exist. An aggregate's name is let through: whether it may stand is a rule's matter."""
    inner = node.get("type") if isinstance(node, Mapping) and node.key("type") is not None else node
    if inner is None:
        return None
    found = parse_type(inner, Problems())
    if found is None:
        return None
    for name in found.value_names:
        if name not in session.values and name not in session.aggregate_names:
            word = _word(inner, name)
            hint = choose(name, (*session.values, *SCALAR_KINDS))
            session.problems.add(
                Code.BAD_TYPE,
                f"`{name}` is neither a type nor a value",
                word.span,
                hint or "describe it under `values`",
            )
            return None
    return found


def _word(node: Node, name: str) -> Node:
    while isinstance(node, Mapping):
        node = next(iter(node))[1]
    return node


def read_values(node: Node | None, session: Session) -> tuple[Value, ...]:
    """The value objects of an aggregate; their names were collected before."""
    return tuple(
        Value(name=key.text, span=key.span, fields=read_fields(value, {}, session)) for key, value in entries(node)
    )


def collect_values(services: list[Reader], session: Session) -> None:
    """Read all value objects of the fleet before anything that uses them; one name means one shape."""
    aggregates = [(name, node) for service in services for name, node in entries(service.get("aggregates"))]
    session.aggregate_names |= {name.text for name, _ in aggregates}
    written = [
        (name, fields)
        for _, node in aggregates
        if isinstance(node, Mapping)
        for name, fields in entries(node.get("values"))
    ]
    for name, _ in written:
        session.values.setdefault(name.text, {})
    known: dict[str, dict[str, Field]] = {}
    for name, node in written:
        fields = {each.name: each for each in read_fields(node, {}, session)}
        if not fields:
            session.problems.add(
                Code.MISSING_KEY, f"the value `{name.text}` has no fields", name.span, "name its parts"
            )
        if known.setdefault(name.text, fields) != fields:
            session.problems.add(
                Code.DUPLICATE_NAME,
                f"`{name.text}` is described differently elsewhere",
                name.span,
                "rename one of them; messages carry both",
                [("described here first", session.value_spans[name.text])],
            )
        session.value_spans.setdefault(name.text, name.span)
    session.values.update(known)
    _circles(known, session)


def _circles(values: dict[str, dict[str, Field]], session: Session) -> None:
    """A value that holds itself has no end in a table or schema."""
    inside = {
        name: {part for each in fields.values() for part in each.type.value_names} for name, fields in values.items()
    }
    for name in values:
        reached: set[str] = set()
        todo = list(inside[name])
        while todo:
            part = todo.pop()
            if part not in reached:
                reached.add(part)
                todo.extend(inside.get(part, ()))
        if name in reached:
            session.problems.add(
                Code.BAD_TYPE,
                f"the value `{name}` holds itself",
                session.value_spans[name],
                "name the other by its key",
            )
