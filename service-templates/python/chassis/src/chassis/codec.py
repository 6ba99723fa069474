"""Payloads on the bus in Confluent's wire format: a zero, the schema's id in four bytes, the message.

The codec stands between wire JSON, which the rest of the chassis deals in, and bytes. Messages are written in Avro, or
in Protobuf where the facts say so; both are read, whatever this service writes itself, so that a fleet can change its
format. Avro is read with the schema it was written with and resolved to the schema this service knows.
"""

from __future__ import annotations

import io
import json
import logging
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException

from chassis.avro import Shape, from_datum, to_datum
from chassis.definition import Definition, Message
from chassis.dispatch import PermanentFailure, Record
from chassis.protobuf import ProtobufShape
from chassis.registry import IncompatibleSchema, Registry, RegistryUnavailable, UnknownSchema

log = logging.getLogger(__name__)

AVRO, JSON, PROTOBUF = "application/avro", "application/json", "application/protobuf"
_MAGIC = 0
_HEAD = struct.Struct(">bI")


class Codec:
    """Encodes and decodes the messages of one service by their `ce_type`. Threads may share it."""

    def __init__(self, definition: Definition, registry: Registry) -> None:
        self._registry = registry
        self._shapes: dict[str, Shape] = {}
        self._protobuf: dict[str, ProtobufShape] = {}
        self._messages: dict[str, tuple[Message, str]] = {}
        values = {value.name.pascal: value for value in definition.values}
        for command in (*definition.foreign_commands, *definition.commands):
            self._know(command, "FULL_TRANSITIVE", values)
        for event in (*definition.foreign_events, *definition.events):
            self._know(event, "BACKWARD_TRANSITIVE", values)
        self._written = {m.type for m in (*definition.events, *definition.commands, *definition.foreign_commands)}
        self._ids: dict[str, int] = {}
        self._plans: dict[tuple[str, int], tuple[Any, Any]] = {}

    def _know(self, message: Message, compatibility: str, values: Mapping[str, Any]) -> None:
        self._messages[message.type] = (message, message.compatibility or compatibility)
        self._shapes[message.type] = Shape.of(message, values)
        if message.protobuf is not None:
            self._protobuf[message.type] = ProtobufShape.of(message, values)

    def register(self, wait: float = 30.0, sleep: Callable[[float], None] = time.sleep) -> None:
        """Register all schemas this service writes, waiting for the registry up to `wait` seconds.

        Raises:
            IncompatibleSchema: a schema would break readers; the service must not start.
            RegistryUnavailable: the registry did not come up in time.
        """
        until = time.monotonic() + wait
        for ce_type in sorted(self._written):
            while True:
                try:
                    self.schema_id(ce_type)
                    break
                except RegistryUnavailable as reason:
                    if time.monotonic() >= until:
                        raise
                    log.warning("waiting for the schema registry: %s", reason)
                    sleep(0.5)

    def schema_id(self, ce_type: str) -> int:
        """The registered id of the schema that messages of the type are written with."""
        known = self._ids.get(ce_type)
        if known is None:
            message, compatibility = self._messages[ce_type]
            schema = message.avro if message.protobuf is None else message.protobuf.text
            known = self._registry.register(subject(message), schema, compatibility)
            self._ids[ce_type] = known
        return known

    def schema_url(self, ce_type: str) -> str:
        """Where that schema can be looked up."""
        return f"{self._registry.url}/schemas/ids/{self.schema_id(ce_type)}"

    def content_type(self, ce_type: str) -> str:
        """How messages of the type are written."""
        return PROTOBUF if ce_type in self._protobuf else AVRO

    def encode(self, ce_type: str, wire: Mapping[str, Any]) -> bytes:
        """The payload of a message given as wire JSON."""
        head = _HEAD.pack(_MAGIC, self.schema_id(ce_type))
        if ce_type in self._protobuf:
            return head + self._protobuf[ce_type].encode(wire)
        shape = self._shapes[ce_type]
        out = io.BytesIO()
        out.write(head)
        fastavro.schemaless_writer(out, shape.schema, to_datum(shape, wire))
        return out.getvalue()

    def decode(self, record: Record) -> dict[str, Any]:
        """The wire JSON of a record.

        Raises:
            PermanentFailure: the bytes are no message of that type and never will be.
            RegistryUnavailable: the schema could not be fetched now.
        """
        if record.payload is None:
            raise PermanentFailure(f"{record.ce_type}: the record is a tombstone", "deserialize")
        content_type = record.headers.get("content-type", AVRO)
        if content_type.startswith(JSON):
            return _json(record.payload)
        if record.ce_type not in self._shapes:
            raise PermanentFailure(f"{record.ce_type}: no such message is known here", "schema")
        if len(record.payload) < _HEAD.size or record.payload[0] != _MAGIC:
            raise PermanentFailure(f"{record.ce_type}: the payload is not in the registry's wire format", "deserialize")
        if content_type.startswith(PROTOBUF):
            return self._decode_protobuf(record.ce_type, record.payload)
        return self._decode_avro(record.ce_type, record.payload)

    def _decode_protobuf(self, ce_type: str, payload: bytes) -> dict[str, Any]:
        shape = self._protobuf.get(ce_type)
        if shape is None:
            raise PermanentFailure(f"{ce_type}: this service does not know the message in Protobuf", "schema")
        try:
            return shape.decode(payload[_HEAD.size :])
        except Exception as reason:  # whatever the bytes provoke
            raise PermanentFailure(f"{ce_type}: {type(reason).__name__} {reason}", "deserialize") from reason

    def _decode_avro(self, ce_type: str, payload: bytes) -> dict[str, Any]:
        shape = self._shapes[ce_type]
        written, wanted = self._plan(ce_type, shape, _HEAD.unpack_from(payload)[1])
        source = io.BytesIO(payload)
        source.seek(_HEAD.size)
        try:
            datum: Any = fastavro.schemaless_reader(source, written, wanted)
            return from_datum(shape, datum)
        except Exception as reason:  # fastavro raises whatever the bytes provoke
            raise PermanentFailure(f"{ce_type}: {type(reason).__name__} {reason}", "deserialize") from reason

    def _plan(self, ce_type: str, shape: Shape, schema_id: int) -> tuple[Any, Any]:
        """The schema of the writer, and that of the reader when it differs."""
        plan = self._plans.get((ce_type, schema_id))
        if plan is None:
            try:
                written = fastavro.parse_schema(self._registry.schema(schema_id))
            except UnknownSchema as reason:
                raise PermanentFailure(str(reason), "schema") from reason
            except (SchemaParseException, ValueError, TypeError) as reason:
                raise PermanentFailure(f"schema {schema_id}: {reason}", "schema") from reason
            plan = (written, None if written == shape.schema else shape.schema)
            self._plans[ce_type, schema_id] = plan
        return plan


def subject(message: Message) -> str:
    """One subject a topic and record, since a topic carries several types."""
    return f"{message.topic}-{message.avro['namespace']}.{message.avro['name']}"


def _json(payload: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(payload)
    except (ValueError, RecursionError) as reason:
        raise PermanentFailure(f"the payload is not JSON: {reason}", "deserialize") from reason
    if not isinstance(parsed, dict):
        raise PermanentFailure("the payload is not a JSON object", "deserialize")
    return parsed


__all__ = ["AVRO", "JSON", "PROTOBUF", "Codec", "IncompatibleSchema", "RegistryUnavailable", "subject"]
