"""Queries of an aggregate, with what they take and give always filled in."""

from __future__ import annotations

from fleetgen.core.diagnostic import Span
from fleetgen.core.names import words
from fleetgen.model.fleet import Aggregate, Field, Query
from fleetgen.model.types import Type
from fleetgen.spec.codes import Code
from fleetgen.spec.names import canonical
from fleetgen.spec.node import Mapping, Node, Scalar
from fleetgen.spec.resolve.emitted import Owner
from fleetgen.spec.resolve.reader import NOTHING, Reader, scalars
from fleetgen.spec.resolve.session import Session
from fleetgen.spec.table.aggregate import QUERY

_BY_KEY = ("get",)
_SEARCH = ("search", "list", "find")
PAGING = ("after", "limit")  # parameters of every search: where its page begins, how long it is
FILTERS = ("string", "int", "decimal", "bool", "uuid", "date", "datetime", "url")


def read_queries(node: Node | None, aggregate: Aggregate, owner: Owner, session: Session) -> tuple[Query, ...]:
    """A list of names, or a mapping from names to what they take and give."""
    pairs = list(node) if isinstance(node, Mapping) else [(name, NOTHING) for name in scalars(node)]
    found: dict[str, Query] = {}
    for name, value in pairs:
        if name.text in found:
            session.problems.add(
                Code.DUPLICATE_NAME, f"the query `{name.text}` stands twice", name.span, "keep one of them"
            )
        found.setdefault(name.text, _query(name, Reader(QUERY, value), aggregate, owner, session))
    return tuple(found.values())


def _query(name: Scalar, reader: Reader, aggregate: Aggregate, owner: Owner, session: Session) -> Query:
    state = (Field(name="state", type=Type("string")),) if aggregate.states else ()
    fields = {each.name: each for each in (*aggregate.fields, *state)}
    by_key = _is_by_key(name, reader, aggregate, session)
    takes = (aggregate.key,) if by_key else _filters(reader, fields, session)
    return Query(
        name=name.text,
        span=name.span,
        waive=reader.waive(),
        aggregate=aggregate.name,
        kind="by-key" if by_key else "search",
        takes=takes,
        gives=_gives(reader, fields, session),
        exposure=reader.word("exposure") if reader.has("exposure") else owner.exposure,  # type: ignore[arg-type]
        scopes=reader.words("scopes") or (f"{owner.service}:{canonical(name.text, 'kebab')}",),
    )


def _is_by_key(name: Scalar, reader: Reader, aggregate: Aggregate, session: Session) -> bool:
    if reader.has("takes"):
        return reader.words("takes") == (aggregate.key.name,)
    verb = words(name.text)[0] if words(name.text) else ""
    if verb not in (*_BY_KEY, *_SEARCH):
        session.problems.add(
            Code.MISSING_KEY,
            f"`{name.text}` does not say what it takes",
            name.span,
            "begin its name with `Get` (by key) or `Search`, `List`, `Find`, or write `takes`",
        )
    return verb in _BY_KEY


def _filters(reader: Reader, fields: dict[str, Field], session: Session) -> tuple[Field, ...]:
    if reader.has("takes"):
        chosen = _chosen(reader, "takes", fields, session)
        for name in scalars(reader.get("takes")):
            if name.text in fields:
                _check_filter(fields[name.text], name.span, session)
    else:
        chosen = tuple(each for each in fields.values() if _by_default(each))
    return tuple(
        Field(
            name=each.name,
            span=each.span,
            sensitive=each.sensitive,
            type=each.type if each.type.kind == "optional" else Type("optional", of=each.type),
        )
        for each in chosen
    )


def _check_filter(field: Field, place: Span, session: Session) -> None:
    if _plain(field.type) not in FILTERS:
        said = f"`{field.name}` is `{field.type}`, by which nothing can be found"
        session.problems.add(Code.BAD_TYPE, said, place, "choose a field with a plain value")
    elif field.name in PAGING:
        said = f"`{field.name}` pages every search, so that nothing can be found by a field of this name"
        session.problems.add(Code.RESERVED_NAME, said, place, "rename the field, or leave it out here")


def _by_default(field: Field) -> bool:
    return _plain(field.type) in FILTERS and not field.sensitive and field.name not in PAGING


def _gives(reader: Reader, fields: dict[str, Field], session: Session) -> tuple[Field, ...]:
    if reader.has("gives"):
        return _chosen(reader, "gives", fields, session)
    return tuple(each for each in fields.values() if each.sensitive != "pan")


def _chosen(reader: Reader, key: str, fields: dict[str, Field], session: Session) -> tuple[Field, ...]:
    return tuple(fields[name.text] for name in scalars(reader.get(key)) if session.refer("field", name, fields))


def _plain(of: Type) -> str:
    return of.of.kind if of.kind == "optional" and of.of is not None else of.kind
