"""The AsyncAPI 3.0 document of a service: the topics it writes and reads, what travels there, and in which envelope.

Payloads are references to the contracts beside it; the envelope is the CloudEvents one that the chassis writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fleetgen.core import names
from fleetgen.model.fleet import Service

_BINDING = {"bindingVersion": "0.5.0"}
_MESSAGES = "#/components/messages"


@dataclass(frozen=True)
class Spoken:
    """A message: its `ce_type`, and where its schema lies, seen from the document; nothing for one in plain JSON.

    `text` is the schema itself where AsyncAPI has no reference for it.
    """

    type: str
    title: str
    schema: str = ""
    text: str = ""


@dataclass(frozen=True)
class Channel:
    """A topic with its figures; `retention` is in seconds."""

    topic: str
    partitions: int
    replicas: int
    retention: float


@dataclass(frozen=True)
class Operation:
    """What the service does with some of a topic's messages."""

    action: Literal["send", "receive"]
    topic: str
    summary: str
    messages: tuple[Spoken, ...]


def document(
    service: Service, channels: Iterable[Channel], operations: Sequence[Operation], registry: str
) -> dict[str, Any]:
    """The document; every channel that an operation names must be among `channels`. `registry` is its product."""
    spoken = {message.type: message for operation in operations for message in operation.messages}
    used = {operation.topic for operation in operations}
    listed = sorted((channel for channel in channels if channel.topic in used), key=lambda each: each.topic)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": service.title, "description": service.purpose, "version": "1.0.0"},
        "defaultContentType": "application/json",
        "servers": {"bus": _server(registry)},
        "channels": {each.topic: _channel(each, operations) for each in listed},
        "operations": {_id(each): _operation(each) for each in operations},
        "components": {
            "messages": {type_: _message(spoken[type_]) for type_ in sorted(spoken)},
            "schemas": {"Envelope": _ENVELOPE},
        },
    }


def _server(registry: str) -> dict[str, Any]:
    return {
        "host": "{bootstrap}",
        "protocol": "kafka",
        "variables": {"bootstrap": {"default": "kafka:9092", "description": "Host and port of a broker"}},
        "bindings": {"kafka": {"schemaRegistryVendor": registry, **_BINDING}},
    }


def _channel(channel: Channel, operations: Sequence[Operation]) -> dict[str, Any]:
    types = {message.type for each in operations if each.topic == channel.topic for message in each.messages}
    settings = {"cleanup.policy": ["delete"], "retention.ms": round(channel.retention * 1000)}
    kafka = {
        "topic": channel.topic,
        "partitions": channel.partitions,
        "replicas": channel.replicas,
        "topicConfiguration": settings,
        **_BINDING,
    }
    return {
        "address": channel.topic,
        "messages": {type_: {"$ref": f"{_MESSAGES}/{type_}"} for type_ in sorted(types)},
        "bindings": {"kafka": kafka},
    }


def _id(operation: Operation) -> str:
    return f"{operation.action}{names.pascal(operation.topic.replace('.', '-'))}"


def _operation(operation: Operation) -> dict[str, Any]:
    channel = f"#/channels/{operation.topic}"
    return {
        "action": operation.action,
        "channel": {"$ref": channel},
        "summary": operation.summary,
        "messages": [{"$ref": f"{channel}/messages/{message.type}"} for message in operation.messages],
    }


def _message(message: Spoken) -> dict[str, Any]:
    described = {
        "name": message.type,
        "title": message.title,
        "headers": {"$ref": "#/components/schemas/Envelope"},
        "correlationId": {"location": "$message.header#/ce_correlationid"},
    }
    if not message.schema:
        return {**described, "contentType": "application/json", "payload": {"type": "object"}}
    protobuf = message.schema.endswith(".proto")
    kind = "protobuf" if protobuf else "avro"
    form = "vnd.google.protobuf;version=3" if protobuf else "vnd.apache.avro;version=1.9.0"
    return {
        **described,
        "contentType": f"application/{kind}",
        "payload": {"schemaFormat": f"application/{form}", "schema": message.text or {"$ref": message.schema}},
        "bindings": {"kafka": _CONFLUENT},
        "x-contract": message.schema,
    }


_CONFLUENT: dict[str, Any] = {
    "key": {"type": "string", "description": "The same as the header ce_partitionkey"},
    "schemaIdLocation": "payload",
    "schemaIdPayloadEncoding": "confluent",
    "schemaLookupStrategy": "TopicRecordNameStrategy",
    **_BINDING,
}


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, **more}


_ENVELOPE: dict[str, Any] = {
    "type": "object",
    "description": "The attributes of a CloudEvent 1.0 in Kafka's binary mode",
    "required": ["content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_partitionkey"],
    "properties": {
        "content-type": _text("How the payload is written"),
        "ce_specversion": _text("CloudEvents", const="1.0"),
        "ce_id": _text("A UUID of version 7; the same for every copy of the message", format="uuid"),
        "ce_source": _text("The service that says it: /fleet/<fleet>/<service>"),
        "ce_type": _text("The name of the message, with its major version"),
        "ce_time": _text("When it happened", format="date-time"),
        "ce_recordedtime": _text("When the relay took it from the outbox", format="date-time"),
        "ce_subject": _text("The id of the aggregate"),
        "ce_dataschema": _text("Where the schema can be looked up"),
        "ce_partitionkey": _text("What the record is ordered by; also its key"),
        "ce_sequence": _text("The place among the messages of its key in this topic, from 1", pattern="^[0-9]{20}$"),
        "ce_correlationid": _text("The business transaction it belongs to"),
        "ce_causationid": _text("The ce_id of the message that caused it"),
        "ce_expirytime": _text("After it a command is not carried out any more", format="date-time"),
        "traceparent": _text("W3C trace context of the hop"),
        "tracestate": _text("W3C trace context of the hop"),
        "ce_traceparent": _text("W3C trace context in which the message was made"),
        "ce_sagaid": _text("The saga, for commands, replies and notices", format="uuid"),
        "ce_sagatype": _text("The saga's name"),
        "ce_sagastep": _text("The step's name"),
        "ce_sagadir": _text("Whether the step is done or undone", enum=["forward", "compensate"]),
        "ce_replyto": _text("The topic for the reply"),
        "ce_outcome": _text("Of a reply", enum=["succeeded", "failed", "expired"]),
        "ce_errorcode": _text("Why a reply is not a success"),
        "ce_retryable": _text("Whether asking again may help", enum=["true", "false"]),
    },
}
