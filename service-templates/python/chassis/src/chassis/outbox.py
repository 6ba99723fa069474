"""The outbox: messages in their envelope, written into the transaction of the effect.

The envelope is a CloudEvent in Kafka's binary mode: all attributes are headers. It is complete when it is written, but
for the sequence of its key and the time of recording, which the relay adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from chassis.buckets import bucket
from chassis.codec import AVRO, Codec
from chassis.definition import Definition
from chassis.identity import uuid7
from chassis.message import to_wire
from chassis.tracing import create_span
from chassis.work import Connection, MessageContext, Outgoing

_APPEND_ONE = "SELECT outbox_append(%s, %s, %s::smallint, %s, %s, %s, %s)"
# The function is volatile, so it is called after the sort: in the order of the list.
_APPEND_MANY = """
SELECT outbox_append(m.topic, m.key, m.bucket, m.id, m.type, m.headers, m.payload)
  FROM unnest(%s::text[], %s::text[], %s::smallint[], %s::uuid[], %s::text[], %s::jsonb[], %s::bytea[])
       WITH ORDINALITY AS m (topic, key, bucket, id, type, headers, payload, n)
 ORDER BY m.n
"""


class EventOutbox:
    """Wraps messages of one service and appends them. Threads may share it."""

    def __init__(self, definition: Definition, codec: Codec, names: Mapping[type, str]) -> None:
        """`names` gives the name of each message class."""
        self._definition = definition
        self._codec = codec
        self._names = names

    def outgoing(self, event: object, context: MessageContext, saga_headers: Mapping[str, str]) -> Outgoing:
        """An event of this service in its envelope."""
        name = self._names.get(type(event), "")
        known = self._definition.events_by_name.get(name)
        if known is None:
            raise TypeError(f"{type(event).__name__} is not an event of {self._definition.name.text}")
        wire = to_wire(event)
        return self.envelope(
            topic=known.topic,
            key=_text(wire[known.key]),
            ce_type=known.type,
            payload=self._codec.encode(known.type, wire),
            context=context,
            subject=_text(wire[known.subject]),
            content_type=self._codec.content_type(known.type),
            schema=self._codec.schema_url(known.type),
            headers=saga_headers,
        )

    def message(
        self,
        ce_type: str,
        wire: Mapping[str, Any],
        *,
        topic: str,
        key: str,
        context: MessageContext,
        subject: str = "",
        headers: Mapping[str, str] | None = None,
        ce_id: UUID | None = None,
    ) -> Outgoing:
        """Any message the codec knows, such as a saga's command or reply, to any topic and key."""
        return self.envelope(
            topic=topic,
            key=key,
            ce_type=ce_type,
            payload=self._codec.encode(ce_type, wire),
            context=context,
            subject=subject or key,
            content_type=self._codec.content_type(ce_type),
            schema=self._codec.schema_url(ce_type),
            headers=headers or {},
            ce_id=ce_id,
        )

    def envelope(
        self,
        *,
        topic: str,
        key: str,
        ce_type: str,
        payload: bytes | None,
        context: MessageContext,
        subject: str,
        content_type: str = AVRO,
        schema: str = "",
        headers: Mapping[str, str] | None = None,
        ce_id: UUID | None = None,
    ) -> Outgoing:
        """A payload in wire format with all its headers. `headers` are added, such as those of a saga.

        The span made here is the message's creation context: whoever handles it becomes its child.
        """
        identity = ce_id or uuid7()
        attributes = {
            "content-type": content_type,
            "ce_specversion": "1.0",
            "ce_id": str(identity),
            "ce_source": self._definition.source,
            "ce_type": ce_type,
            "ce_time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "ce_subject": subject,
            "ce_dataschema": schema,
            "ce_partitionkey": key,
            "ce_correlationid": context.correlation_id,
            "ce_causationid": context.causation_id or "",
        }
        traced = create_span(topic, key, str(identity), context)
        present = {name: value for name, value in (attributes | traced).items() if value}
        return Outgoing(topic, key, identity, ce_type, present | dict(headers or {}), payload)

    def append(self, connection: Connection, messages: list[Outgoing]) -> None:
        """Append in the order given, in one round trip."""
        rows = [_row(message) for message in messages]
        if len(rows) == 1:
            connection.execute(_APPEND_ONE, rows[0])
        else:
            connection.execute(_APPEND_MANY, [list(column) for column in zip(*rows, strict=True)])


def _row(message: Outgoing) -> tuple[Any, ...]:
    m = message
    return (m.topic, m.key, bucket(m.key), m.ce_id, m.ce_type, Jsonb(m.headers), m.payload)


def _text(value: object) -> str:
    """A key on the wire. A key that is absent would break the order of its messages, so it is refused."""
    if value is None:
        raise ValueError("the partition key and the subject of an event must not be absent")
    return value if isinstance(value, str) else str(value)
