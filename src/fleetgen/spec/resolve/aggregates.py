"""Aggregates: key, fields, values, states, invariants; then commands, queries and read models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fleetgen.model.fleet import Aggregate, Field, Invariant
from fleetgen.model.types import Type
from fleetgen.spec.codes import Code, choose
from fleetgen.spec.grammar.typing import Scope
from fleetgen.spec.node import Scalar
from fleetgen.spec.resolve.commands import read_commands
from fleetgen.spec.resolve.emitted import Draft, Owner
from fleetgen.spec.resolve.fields import read_fields, read_values
from fleetgen.spec.resolve.queries import read_queries
from fleetgen.spec.resolve.reader import Reader, entries, scalars
from fleetgen.spec.resolve.session import Session, travel_name

_BOOL = Type("bool")


def read_aggregate(name: Scalar, reader: Reader, owner: Owner, session: Session) -> Aggregate:
    """One aggregate; read models come later, when all events of the service are known."""
    written = {each.name: each for each in read_fields(reader.get("fields"), _sensitive(reader), session)}
    key, generated = _key(name, reader, written, session)
    fields = {each.name: each for each in written.values() if not (generated and each.name == key.name)}
    states = _states(reader, written, session)
    partition_by = _partition(reader, key, fields, session)
    invariants = _invariants(reader, Scope({key.name: key, **fields}, {}, session.values, states), session)
    _clash(name, key, fields, session)
    draft = Draft(
        name=name.text,
        key=key,
        key_generated=generated,
        fields=fields,
        states=states,
        partition_by=partition_by,
        invariants=invariants,
        has_invariants=reader.has("invariants"),
        sensitive=_sensitive(reader),
        owner=owner,
        events=reader.get("events"),
    )
    commands = read_commands(reader.get("commands"), draft, session)
    _leftovers(reader, draft, session)
    others = tuple(each for each in fields.values() if each.name != key.name)
    aggregate = Aggregate(
        name=name.text,
        span=name.span,
        waive=reader.waive(),
        kind=reader.word("kind"),  # type: ignore[arg-type]
        key=key,
        key_generated=generated,
        fields=(key, *others),
        values=read_values(reader.get("values"), session),
        states=states,
        partition_by=partition_by,
        snapshot_every=reader.whole("snapshot-every"),
        invariants=invariants,
        commands=commands,
        renamed_from=reader.text("renamed-from"),
        former_states=_former_states(reader, states, session),
        dropped=_dropped(reader, fields, session),
    )
    return replace(aggregate, queries=read_queries(reader.get("queries"), aggregate, owner, session))


def _former_states(reader: Reader, states: tuple[str, ...], session: Session) -> dict[str, str]:
    """A former state is none any more, and what it became is one."""
    found: dict[str, str] = {}
    for former, now in entries(reader.get("former-states")):
        if former.text in states:
            said = f"`{former.text}` is a state, so it is no former one"
            session.problems.add(Code.CONFLICTING_KEYS, said, former.span, "remove it here, or from `states`")
        elif isinstance(now, Scalar) and session.refer("state", now, states):
            found[former.text] = now.text
    return found


def _dropped(reader: Reader, fields: Mapping[str, Field], session: Session) -> tuple[str, ...]:
    for name in scalars(reader.get("dropped")):
        if name.text in fields:
            said = f"`{name.text}` is a field, so its data is not dropped"
            session.problems.add(Code.CONFLICTING_KEYS, said, name.span, "remove it here, or from `fields`")
    return reader.words("dropped")


def _sensitive(reader: Reader) -> dict[str, str]:
    """Field -> class. The gravest class wins where a field is named twice: `pan` before all others."""
    found: dict[str, str] = {}
    for kind, names in entries(reader.get("sensitive")):
        for name in scalars(names):
            if name.text not in found or kind.text == "pan":
                found[name.text] = kind.text
    return found


def _key(name: Scalar, reader: Reader, fields: dict[str, Field], session: Session) -> tuple[Field, bool]:
    """The key and whether the creating command makes it."""
    written = reader.scalar("key")
    if written is None or (written.text == "id" and "id" not in fields):
        here = fields.get("id")
        if here is not None and here.type != Type("uuid"):
            session.problems.add(
                Code.CONFLICTING_KEYS,
                f"`id` of `{name.text}` is a key by its name, but not a uuid",
                here.span,
                "write `key: id`, or another name",
            )
        return here or Field(name="id", span=name.span, type=Type("uuid")), True
    found = fields.get(written.text)
    if found is None:
        session.problems.add(
            Code.UNKNOWN_REFERENCE,
            f"`{name.text}` has no field `{written.text}` to be its key",
            written.span,
            choose(written.text, fields) or f"write `{written.text}: string` under `fields`",
        )
        return Field(name=written.text, span=written.span, type=Type("string")), False
    if found.type.kind not in ("string", "uuid", "int", "date"):
        session.problems.add(
            Code.BAD_TYPE,
            f"a key is a string, uuid, int or date, not `{found.type}`",
            written.span,
            "choose another field",
        )
    return found, False


def _states(reader: Reader, fields: dict[str, Field], session: Session) -> tuple[str, ...]:
    found: dict[str, Scalar] = {}
    for name in scalars(reader.get("states")):
        if name.text in found:
            session.problems.add(
                Code.DUPLICATE_NAME, f"the state `{name.text}` stands twice", name.span, "keep one of them"
            )
        found.setdefault(name.text, name)
    if found and "state" in fields:
        session.problems.add(
            Code.RESERVED_NAME,
            "`state` is where an aggregate with `states` keeps them",
            fields["state"].span,
            "choose another word",
        )
    return tuple(found)


def _partition(reader: Reader, key: Field, fields: dict[str, Field], session: Session) -> str:
    written = reader.scalar("partition-by")
    if written is None or written.text == key.name:
        return key.name
    found = fields.get(written.text)
    if found is None:
        session.refer("field", written, (key.name, *fields))
        return key.name
    if found.type.kind not in ("string", "uuid", "int", "date") or found.sensitive:
        why = f"is sensitive ({found.sensitive})" if found.sensitive else f"is `{found.type}`"
        session.problems.add(
            Code.EVENT_CONTENTS,
            f"`{written.text}` {why}, but orders the events, which all carry it",
            written.span,
            "choose a string, uuid, int or date that may be seen",
        )
    return written.text


def _invariants(reader: Reader, scope: Scope, session: Session) -> tuple[Invariant, ...]:
    found = []
    node = reader.get("invariants")
    for text in scalars(node):
        expression = session.expression(text, scope, _BOOL, "an invariant")
        if expression is not None:
            found.append(Invariant(text=text.text, expression=expression, span=text.span))
    return tuple(found)


def _clash(name: Scalar, key: Field, fields: dict[str, Field], session: Session) -> None:
    travels = travel_name(name.text, key.name)
    if travels != key.name and travels in fields:
        session.problems.add(
            Code.RESERVED_NAME,
            f"`{travels}` is how the key of `{name.text}` travels in its events",
            fields[travels].span,
            f"choose another word, or write `key: {travels}`",
        )


def _leftovers(reader: Reader, draft: Draft, session: Session) -> None:
    """Names under `sensitive` and `events` that belong to nothing."""
    known = {*draft.all_fields}
    for _, names in entries(reader.get("sensitive")):
        for name in scalars(names):
            session.refer(f"field of `{draft.name}`", name, known)
    for name, _ in entries(reader.get("events")):
        session.refer(f"event of `{draft.name}`", name, draft.emitted)
