"""The whole fleet: orders the passes and puts their results together."""

from __future__ import annotations

from typing import Any

from fleetgen.core.diagnostic import Diagnostic
from fleetgen.model.fleet import Context, Fleet, Platform, Relation, Saga, Wave
from fleetgen.spec.codes import Problems
from fleetgen.spec.grammar.relations import parse_relation
from fleetgen.spec.grammar.units import Unreadable
from fleetgen.spec.node import Document, Node, Scalar, Sequence
from fleetgen.spec.resolve.collisions import report_collisions
from fleetgen.spec.resolve.contexts import Draft, drafts, read_aggregates, read_context, read_service
from fleetgen.spec.resolve.fields import collect_values
from fleetgen.spec.resolve.platform import (
    read_externals,
    read_legacy,
    read_load,
    read_platform,
    read_slo,
    read_teams,
    title_of,
)
from fleetgen.spec.resolve.reader import Reader, entries, scalars
from fleetgen.spec.resolve.references import report_unknown
from fleetgen.spec.resolve.sagas import read_saga, report_beginnings
from fleetgen.spec.resolve.session import Session
from fleetgen.spec.table.fleet import FLEET

_EXTRA = ("kpis", "extensions")


def resolve(document: Document) -> tuple[Fleet | None, tuple[Diagnostic, ...]]:
    """The resolved fleet and all that is wrong with the document's references; None where anything is wrong at all."""
    session = Session(Problems())
    fleet = _Fleet(Reader(FLEET, document.root), session).read()
    found = session.problems.found
    if document.flawed or session.problems.has_errors:
        return None, found
    return fleet, found


class _Fleet:
    def __init__(self, reader: Reader, session: Session) -> None:
        self.reader = reader
        self.session = session

    def read(self) -> Fleet:
        reader, session = self.reader, self.session
        platform = read_platform(reader)
        contexts = self._contexts(platform)
        sagas = self._sagas()
        name = reader.text("fleet")
        relations = self._relations({each.name for each in contexts})
        report_unknown(reader, contexts, session)
        report_collisions(contexts, session)
        report_beginnings(sagas, contexts, session)
        return Fleet(
            name=name,
            span=reader.span("fleet", reader.node.span),
            waive=reader.waive(),
            domain=reader.text("domain", "") or title_of(name),
            vision=reader.text("vision"),
            organisation=reader.text("organisation", "") or f"com.example.{name.replace('-', '')}",
            teams=read_teams(reader),
            contexts=contexts,
            relations=relations,
            sagas=sagas,
            platform=platform,
            externals=read_externals(reader, platform.timeout_external),
            legacy=read_legacy(reader),
            evolution=self._waves(),
            compliance=reader.plain("compliance"),
            zero_trust=bool(reader.value("zero-trust")),
            slo=read_slo(reader),
            load=read_load(reader),
            extra=self._extra(),
        )

    def _extra(self) -> dict[str, Any]:
        return {key: self.reader.plain(key) for key in _EXTRA if self.reader.has(key)}

    def _contexts(self, platform: Platform) -> tuple[Context, ...]:
        written = list(entries(self.reader.get("contexts")))
        services: list[tuple[Scalar, Node, list[Draft]]] = [
            (name, node, drafts(name, node, self.session)) for name, node in written
        ]
        everything = [draft for _, _, found in services for draft in found]
        collect_values([draft.reader for draft in everything], self.session)
        for draft in everything:
            read_aggregates(draft, self.session)
        return tuple(
            read_context(
                name, node, tuple(read_service(draft, platform.sampling, self.session) for draft in found), self.session
            )
            for name, node, found in services
        )

    def _sagas(self) -> tuple[Saga, ...]:
        found = (read_saga(name, node, self.session) for name, node in entries(self.reader.get("sagas")))
        return tuple(saga for saga in found if saga is not None)

    def _relations(self, contexts: set[str]) -> tuple[Relation, ...]:
        found = []
        node = self.reader.get("context-map")
        for text in scalars(node) if isinstance(node, Sequence) else ():
            try:
                line = parse_relation(text.text)
            except Unreadable:
                continue
            sides = (
                Scalar(line.left, text.part(line.left_at, len(line.left))),
                Scalar(line.right, text.part(line.right_at, len(line.right))),
            )
            if all([self.session.refer("context", side, contexts) for side in sides]):
                found.append(
                    Relation(
                        name=f"{line.left} {'<->' if line.symmetric else '->'} {line.right}",
                        span=text.span,
                        upstream=line.left,
                        downstream=line.right,
                        upstream_roles=line.left_roles,
                        downstream_roles=line.right_roles,
                        symmetric=line.symmetric,
                    )
                )
        return tuple(found)

    def _waves(self) -> tuple[Wave, ...]:
        node = self.reader.get("evolution")
        shape = FLEET.entry("evolution").shape
        found = []
        for item in node.items if isinstance(node, Sequence) else ():
            wave = Reader(shape.of, item)  # type: ignore[union-attr, arg-type]
            name = wave.scalar("context")
            if name is not None:
                found.append(Wave(name=name.text, span=name.span, waive=wave.waive(), by=wave.word("by")))
        return tuple(found)
