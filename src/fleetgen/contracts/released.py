"""Released versions of contracts: files that are only ever added, `contracts/released/events/<type>/<number>.avsc`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fleetgen.contracts import proto_file
from fleetgen.contracts.avro_form import NotAvro, sound
from fleetgen.contracts.compatibility import Schema
from fleetgen.contracts.contract import Contract, schema_text
from fleetgen.contracts.proto_file import NotProto, ProtoFile
from fleetgen.core.diagnostic import Diagnostic, Severity, Span

FOLDER = "contracts/released"
_PLACE = re.compile(r"contracts/released/((?:events|commands)/[A-Za-z0-9._-]+)/([1-9][0-9]{0,6})\.(avsc|proto)")


@dataclass(frozen=True)
class Released:
    """Versions by the key of their contract, oldest first: (number, schema)."""

    versions: Mapping[str, tuple[tuple[int, Schema], ...]] = field(default_factory=dict)

    def of(self, key: str) -> tuple[tuple[int, Schema], ...]:
        """All versions of a contract."""
        return self.versions.get(key, ())

    def protos(self, key: str) -> tuple[ProtoFile, ...]:
        """Those in Protobuf, which remember its numbers."""
        return tuple(schema for _, schema in self.of(key) if isinstance(schema, ProtoFile))

    def due(self, contracts: Iterable[Contract]) -> dict[str, str]:
        """The files a release adds: a version of each contract whose newest version says something else."""
        added: dict[str, str] = {}
        for contract in contracts:
            versions = self.of(contract.key)
            if not versions or versions[-1][1] != contract.schema:
                number = versions[-1][0] + 1 if versions else 1
                added[f"{FOLDER}/{contract.key}/{number}.{contract.ending}"] = schema_text(contract.schema)
        return added


def read(files: Mapping[str, str]) -> tuple[Released, tuple[Diagnostic, ...]]:
    """The released versions that files hold; whatever cannot be one is an error, for a version must not be lost."""
    found: dict[str, dict[int, Schema]] = {}
    diagnostics: list[Diagnostic] = []
    for path, text in sorted(files.items()):
        place = _PLACE.fullmatch(path)
        if place is None:
            diagnostics.append(unreadable(path, "no released version has such a name"))
            continue
        key, number, kind = place[1], int(place[2]), place[3]
        try:
            schema = proto_file.read(text) if kind == "proto" else _avro(text)
        except (NotProto, NotAvro) as wrong:
            diagnostics.append(unreadable(path, str(wrong)))
            continue
        if number in found.setdefault(key, {}):
            diagnostics.append(unreadable(path, f"version {number} is there twice"))
        found[key][number] = schema
    versions = {key: tuple(sorted(numbered.items(), key=lambda item: item[0])) for key, numbered in found.items()}
    return Released(versions), tuple(diagnostics)


def _avro(text: str) -> dict[str, Any]:
    try:
        return sound(json.loads(text))
    except (ValueError, RecursionError) as wrong:
        raise NotAvro(str(wrong)) from wrong


def unreadable(path: str, reason: str) -> Diagnostic:
    """A file among the released versions that is none."""
    return Diagnostic(
        "CON-2", "release-unreadable", Severity.ERROR, f"`{path}` is no released version: {reason}",
        Span(path), f"restore it, with `git checkout -- {path}` for example",
    )  # fmt: skip
