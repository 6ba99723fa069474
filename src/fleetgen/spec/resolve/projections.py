"""Read models and copies: tables that follow events, and what their rows hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fleetgen.model.fleet import Aggregate, Copy, Event, Field, ReadModel
from fleetgen.model.projections import OWN
from fleetgen.spec.codes import Code, choose
from fleetgen.spec.names import canonical
from fleetgen.spec.node import Scalar
from fleetgen.spec.resolve.emitted import Owner
from fleetgen.spec.resolve.queries import PAGING
from fleetgen.spec.resolve.reader import Reader, entries, scalars
from fleetgen.spec.resolve.session import Session
from fleetgen.spec.table.aggregate import READ_MODEL
from fleetgen.spec.table.context import COPY


def with_read_models(
    aggregate: Aggregate, reader: Reader, own: Mapping[str, Event], owner: Owner, session: Session
) -> Aggregate:
    """The aggregate with its read models, which may use every event of the service."""
    found = []
    for name, node in entries(reader.get("read-models")):
        model = Reader(READ_MODEL, node)
        events = tuple(own[each.text] for each in scalars(model.get("from")) if session.refer("own event", each, own))
        key = model.scalar("key")
        _check_rows(events, key, name, session)
        found.append(
            ReadModel(
                name=name.text,
                span=name.span,
                waive=model.waive(),
                key=key.text if key else "",
                events=events,
                stale_at_most=model.maybe("stale-at-most"),
                exposure=model.word("exposure") if model.has("exposure") else owner.exposure,  # type: ignore[arg-type]
                scopes=model.words("scopes") or (f"{owner.service}:{canonical(name.text, 'kebab')}",),
            )
        )
    return replace(aggregate, read_models=tuple(found)) if found else aggregate


def read_copies(reader: Reader, session: Session) -> tuple[Copy, ...]:
    """The copies of others' data."""
    found = []
    for name, node in entries(reader.get("copies")):
        copy = Reader(COPY, node)
        events = tuple(event for each in scalars(copy.get("from")) if (event := session.event(each)))
        key = copy.scalar("key")
        _check_rows(events, key, name, session)
        found.append(
            Copy(name=name.text, span=name.span, waive=copy.waive(), events=events, key=key.text if key else "")
        )
    return tuple(found)


def _check_rows(events: tuple[Event, ...], key: Scalar | None, name: Scalar, session: Session) -> None:
    """Every event must say which rows it concerns, and all must mean the same by a field."""
    known: dict[str, tuple[Event, Field]] = {}
    for event in events:
        carried = [field.name for field in event.fields]
        if key is not None and key.text not in carried:
            session.problems.add(
                Code.EVENT_CONTENTS,
                f"`{event.name}` does not carry `{key.text}`, the key of `{name.text}`",
                key.span,
                f"let its command's `carries` name `{key.text}`, or {choose(key.text, carried)}",
            )
        for field in event.fields:
            _check_field(event, field, known.setdefault(field.name, (event, field)), name, session)
    if key is not None and key.text in PAGING:
        said = f"`{key.text}` pages every list, so that `{name.text}` cannot be read by it"
        session.problems.add(Code.RESERVED_NAME, said, key.span, "choose another key")
    if key is not None and events and key.text in known and known[key.text][1].type.kind in _NO_KEYS:
        said = f"`{key.text}` is `{known[key.text][1].type}`, by which nothing can be read"
        session.problems.add(Code.BAD_TYPE, said, key.span, "choose a field with a plain value")


_NO_KEYS = ("money", "value", "list", "json", "optional")


def _check_field(event: Event, field: Field, first: tuple[Event, Field], name: Scalar, session: Session) -> None:
    other, same = first
    if field.type != same.type:
        session.problems.add(
            Code.EVENT_CONTENTS,
            f"`{name.text}` cannot hold `{field.name}`: it is `{same.type}` in `{other.name}` and `{field.type}` in "
            f"`{event.name}`",
            name.span,
            "give it one type in both events, or leave one of them out",
        )
    elif field.name in OWN:
        session.problems.add(
            Code.RESERVED_NAME,
            f"`{event.name}` carries `{field.name}`, which the rows of `{name.text}` say themselves",
            name.span,
            "rename the field, or leave the event out",
        )
