"""Whether records of one Protobuf message can be read with another.

Binary records carry numbers and no names, so these are the rules of registries and linters: a field keeps number,
name and type; one that is gone leaves its number and name reserved. One rule more is ours: proto3 reads a missing
field as zero or empty, so a field that the specification requires must not be missing from records of before.
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.contracts.breaks import Break, Path, Why
from fleetgen.contracts.proto_file import ProtoField, ProtoFile, ProtoMessage


def unreadable(reader: ProtoFile, writer: ProtoFile) -> tuple[Break, ...]:
    """What a reader finds missing in records of a writer, in whichever direction of time."""
    if reader.full_name != writer.full_name:
        return (Break((), Why.NAME, f"is written as `{writer.full_name}` and read as `{reader.full_name}`"),)
    parts = {part.name: part for part in reader.message.nested}
    others = {part.name: part for part in writer.message.nested}
    return tuple(dict.fromkeys(_missing((), reader.message, writer.message, parts, others)))


def _missing(
    path: Path,
    reader: ProtoMessage,
    writer: ProtoMessage,
    parts: dict[str, ProtoMessage],
    others: dict[str, ProtoMessage],
) -> Iterator[Break]:
    written = {each.number: each for each in writer.fields}
    for field in reader.fields:
        here = (*path, field.wire)
        source = written.get(field.number)
        if field.required and source is None:
            yield Break(
                here, Why.NO_DEFAULT, "is not in every record, and a missing one would be read as empty or zero"
            )
        if source and field.type == source.type and field.type in parts and field.type in others:
            yield from _missing(here, parts[field.type], others[field.type], parts, others)


def moved(new: ProtoFile, old: ProtoFile) -> tuple[Break, ...]:
    """What a later version may never do to an earlier one, whoever reads."""
    found = list(_moved((), new.message, old.message))
    parts = {part.name: part for part in new.message.nested}
    places = _places(old.message)
    for part in old.message.nested:
        path = places.get(part.name, ())
        if part.name in parts:
            found += _moved(path, parts[part.name], part)
        else:
            found.append(Break(path, Why.UNRESERVED, f"loses the message `{part.name}`"))
    return tuple(dict.fromkeys(found))


def _moved(path: Path, new: ProtoMessage, old: ProtoMessage) -> Iterator[Break]:
    by_name = {each.name: each for each in new.fields}
    by_number = {each.number: each for each in new.fields}
    for each in old.fields:
        here = (*path, each.wire)
        same, there = by_name.get(each.name), by_number.get(each.number)
        if same is not None:
            yield from _changed(here, same, each)
        elif there is not None:
            yield Break((*path, there.wire), Why.NAME, f"has the number {each.number}, which is that of `{each.wire}`")
        elif each.number not in new.reserved or each.name not in new.reserved_names:
            yield Break(here, Why.UNRESERVED, f"is gone, and its number {each.number} and name are not reserved")
    for each in new.fields:
        if each.number in old.reserved or each.name in old.reserved_names:
            yield Break((*path, each.wire), Why.REUSED, "has the name or number of a field that was removed before")
    yield from _forgotten(path, new, old)


def _forgotten(path: Path, new: ProtoMessage, old: ProtoMessage) -> Iterator[Break]:
    """Reservations that are gone, where no field took what they kept: that is told as such."""
    for number in sorted(set(old.reserved) - set(new.reserved) - {each.number for each in new.fields}):
        yield Break(path, Why.UNRESERVED, f"no longer reserves the number {number}")
    for name in sorted(set(old.reserved_names) - set(new.reserved_names) - {each.name for each in new.fields}):
        yield Break(path, Why.UNRESERVED, f"no longer reserves the name `{name}`")


def _changed(path: Path, new: ProtoField, old: ProtoField) -> Iterator[Break]:
    if new.number != old.number:
        yield Break(path, Why.NUMBER, f"moved from number {old.number} to {new.number}")
    if (new.type, new.label) != (old.type, old.label):
        was, is_ = (f"{each.label} {each.type}".lstrip() for each in (old, new))
        yield Break(path, Why.TYPE, f"was `{was}` and is `{is_}`")


def _places(message: ProtoMessage) -> dict[str, Path]:
    """Where a part is used first."""
    found: dict[str, Path] = {}
    parts = {part.name: part for part in message.nested}

    def visit(path: Path, inside: ProtoMessage) -> None:
        for each in inside.fields:
            if each.type in parts and each.type not in found:
                found[each.type] = (*path, each.wire)
                visit(found[each.type], parts[each.type])

    visit((), message)
    return found
