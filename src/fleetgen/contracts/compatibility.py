"""Whether a contract fits its released versions, at the levels that schema registries know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fleetgen.contracts import avro_reading, proto_reading
from fleetgen.contracts.breaks import Break, Why
from fleetgen.contracts.proto_file import ProtoFile

Schema = dict[str, Any] | ProtoFile


@dataclass(frozen=True)
class Misfit:
    """A break against one released version. `reader` says which side cannot read: `new`, `old`, or `both`."""

    revision: int
    reader: str
    broken: Break


def misfits(level: str, new: Schema, released: Sequence[tuple[int, Schema]]) -> tuple[Misfit, ...]:
    """What breaks at a registry's level, `BACKWARD_TRANSITIVE` for example; `released` are oldest first.

    A released version in the other format cannot be compared: that is a break of its own.
    """
    if level == "NONE":
        return ()
    compared = released if level.endswith("_TRANSITIVE") else released[-1:]
    return tuple(found for revision, old in compared for found in _against(level, new, revision, old))


def _against(level: str, new: Schema, revision: int, old: Schema) -> list[Misfit]:
    if isinstance(new, ProtoFile) != isinstance(old, ProtoFile):
        format_ = "Avro" if isinstance(new, ProtoFile) else "Protobuf"
        return [Misfit(revision, "both", Break((), Why.TYPE, f"was released in {format_}"))]
    found: list[Misfit] = []
    if isinstance(new, ProtoFile) and isinstance(old, ProtoFile):
        found += [Misfit(revision, "both", each) for each in proto_reading.moved(new, old)]
    if level.startswith(("BACKWARD", "FULL")):
        found += [Misfit(revision, "new", each) for each in unreadable(new, old)]
    if level.startswith(("FORWARD", "FULL")):
        found += [Misfit(revision, "old", each) for each in unreadable(old, new)]
    spoken = {(each.broken.path, each.broken.why) for each in found if each.reader != "old"}
    return [each for each in found if each.reader != "old" or (each.broken.path, each.broken.why) not in spoken]


def unreadable(reader: Schema, writer: Schema) -> tuple[Break, ...]:
    """Why `reader` cannot read records of `writer`, both in one format."""
    if isinstance(reader, ProtoFile) and isinstance(writer, ProtoFile):
        return proto_reading.unreadable(reader, writer)
    return avro_reading.unreadable(reader, writer)
