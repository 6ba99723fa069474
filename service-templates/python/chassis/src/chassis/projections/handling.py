"""Lets the records of the bus change projections, in the transaction of the inbox."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from chassis import faults
from chassis.definition import Projection, ProjectionSource
from chassis.dispatch import Dispatch, Handler, PermanentFailure, Record
from chassis.message import InvalidMessage
from chassis.projection_rules import Change, Position, Unkeyed, change_of
from chassis.projections.store import ProjectionStore
from chassis.translation import own_terms

if TYPE_CHECKING:
    from chassis.service import Service
    from chassis.work import Connection, UnitOfWork

# The lock is shared by live events and excludes the end of a rebuild, which changes the generation.
_CURRENT = "SELECT generation FROM projection WHERE name = %s FOR SHARE"
# In a definition that changed, old rows lack what new code reads: they are built anew.
_DECLARE = """
INSERT INTO projection AS p (name, topics, digest, wanted_at, wanted_by) VALUES (%s, %s, %s, now(), 'the service')
ON CONFLICT (name) DO UPDATE
   SET topics = excluded.topics, digest = excluded.digest, wanted_at = now(), wanted_by = 'the service'
 WHERE p.digest <> excluded.digest
"""


class Decoder(Protocol):
    """Reads payloads; `chassis.codec.Codec` does."""

    def decode(self, record: Record) -> dict[str, Any]:
        """The wire JSON of a record."""


class Projector:
    """All projections of a service."""

    def __init__(self, service: Service, codec: Decoder) -> None:
        self._service = service
        self._codec = codec
        self.stores = {
            projection.name.text: ProjectionStore(projection, service.messages[projection.row.text])
            for projection in service.definition.projections
        }

    def declare(self, connection: Connection) -> None:
        """Let the database know all projections; those that are new or other than before will be built."""
        for name, store in self.stores.items():
            known = store.projection
            digest = hashlib.sha256(known.model_dump_json(exclude={"route", "exposure", "scopes"}).encode()).hexdigest()
            connection.execute(_DECLARE, (name, list(known.topics), digest))

    def handlers(self) -> Dispatch:
        """The handlers of all events that feed a projection."""
        dispatch = Dispatch()
        events = self._service.definition.events_by_name
        for store in self.stores.values():
            for source in store.projection.sources:
                dispatch.on(events[source.event.text].type, self._handler(store, source))
        return dispatch

    def changes(self, store: ProjectionStore) -> Callable[[Record], Change | None]:
        """Reads records: the change that each makes in one projection, `None` for those that are none of its."""
        events = self._service.definition.events_by_name
        sources = {events[source.event.text].type: source for source in store.projection.sources}

        def change(record: Record) -> Change | None:
            source = sources.get(record.ce_type)
            return None if source is None else self._change(store.projection, source, record)

        return change

    def _handler(self, store: ProjectionStore, source: ProjectionSource) -> Handler:
        def handle(record: Record, work: UnitOfWork) -> None:
            change = self._change(store.projection, source, record)
            row = work.connection.execute(_CURRENT, (store.projection.name.text,)).fetchone()
            if row is None:
                raise RuntimeError(f"projection {store.projection.name.text} is not declared")
            try:
                store.apply(work.connection, change, row[0])
            except InvalidMessage as fault:
                raise PermanentFailure(str(fault), "validation") from fault
            faults.point("projection.after_apply", store.projection.name.text)

        return handle

    def _change(self, projection: Projection, source: ProjectionSource, record: Record) -> Change:
        event = self._codec.decode(record)
        try:
            own = own_terms(self._service, source.event.text, event)
            return change_of(projection, source, event, position_of(record), own)
        except (InvalidMessage, Unkeyed) as fault:
            raise PermanentFailure(f"{projection.name.text}: {fault}", "validation") from fault


def position_of(record: Record) -> Position:
    """Where a record lies in its key's stream, or in its partition when nothing counts the messages of its key."""
    at = record.headers.get("ce_time") or _moment(record.timestamp)
    if record.sequence is None:
        return Position(f"{record.topic}[{record.partition}]", record.offset, at)
    return Position(f"{record.ce_source} {record.topic} {record.key}", record.sequence, at)


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
