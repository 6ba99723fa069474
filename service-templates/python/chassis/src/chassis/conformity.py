"""For a service's contract tests: do its answers follow the OpenAPI document, its messages their schemas?

Uses `jsonschema` and `pyyaml`, which only tests have.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastavro

from chassis.avro import Shape, from_datum, to_datum
from chassis.definition import Definition, Message
from chassis.message import to_wire
from chassis.protobuf import ProtobufShape
from chassis.service import Service

if TYPE_CHECKING:
    import httpx


class Contract:
    """What a service has promised: its HTTP interface and its messages.

    Args:
        service: the service, wired.
        openapi: its OpenAPI document; a missing one is an error, since a promise that nobody wrote cannot be kept.
    """

    def __init__(self, service: Service, openapi: Path) -> None:
        import yaml  # noqa: PLC0415

        self._service = service
        self._document: dict[str, Any] = yaml.safe_load(openapi.read_text(encoding="utf-8"))
        paths = sorted(self._document["paths"].items(), key=lambda item: item[0].count("{"))
        self._paths = [(_pattern(path), operations) for path, operations in paths]

    @property
    def operations(self) -> set[str]:
        """The ids of all operations: the names of commands and queries."""
        return {operation["operationId"] for _, operations in self._paths for operation in operations.values()}

    def check(self, response: httpx.Response) -> None:
        """Fail unless request and response are as the document says; requests count only where they were accepted."""
        method, path = response.request.method.lower(), response.request.url.path
        operation = self._operation(method, path)
        statuses = operation["responses"]
        assert str(response.status_code) in statuses, f"{method} {path}: {response.status_code} is not in the contract"
        kind = response.headers["content-type"].split(";")[0]
        content = statuses[str(response.status_code)]["content"]
        assert kind in content, f"{method} {path}: {kind} is not in the contract"
        self._fits(content[kind]["schema"], response.json(), f"response of {method} {path}")
        if response.is_success and "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            self._fits(schema, json.loads(response.request.content or b"{}"), f"request of {method} {path}")

    def check_events(self, events: Iterable[object]) -> None:
        """Fail unless each event comes back from the bus's format as it went in."""
        for event in events:
            self._travels(self._service.event_of(event), to_wire(event))

    def check_command(self, name: str, command: object) -> None:
        """Fail unless the command comes back from the bus's format as it went in."""
        self._travels(self._service.commands[name], to_wire(command))

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        for pattern, operations in self._paths:
            if pattern.fullmatch(path) and method in operations:
                operation: dict[str, Any] = operations[method]
                return operation
        raise AssertionError(f"{method} {path} is not in the contract")

    def _fits(self, schema: Mapping[str, Any], value: Any, what: str) -> None:
        from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # noqa: PLC0415

        whole = {**schema, "components": self._document["components"]}
        faults = [f"{fault.json_path}: {fault.message}" for fault in Draft202012Validator(whole).iter_errors(value)]
        assert not faults, f"{what} breaks the contract: {'; '.join(faults)}"

    def _travels(self, message: Message, wire: Mapping[str, Any]) -> None:
        for format_, through in (("Avro", through_avro), ("Protobuf", through_protobuf)):
            if format_ == "Avro" or message.protobuf is not None:
                back = through(self._service.definition, message, wire)
                assert back == wire, f"{message.name.text} comes back from {format_} as {back}, not as {wire}"


def through_avro(definition: Definition, message: Message, wire: Mapping[str, Any]) -> dict[str, Any]:
    """The message written with its schema and read again."""
    shape = Shape.of(message, {value.name.pascal: value for value in definition.values})
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, shape.schema, to_datum(shape, wire))
    buffer.seek(0)
    datum: Any = fastavro.schemaless_reader(buffer, shape.schema, None)
    return from_datum(shape, datum)


def through_protobuf(definition: Definition, message: Message, wire: Mapping[str, Any]) -> dict[str, Any]:
    """The message written in Protobuf and read again."""
    shape = ProtobufShape.of(message, {value.name.pascal: value for value in definition.values})
    return shape.decode(shape.encode(wire))


def _pattern(path: str) -> re.Pattern[str]:
    """Of a path with `{names}`."""
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in _PARTS.split(path)))


_PARTS = re.compile(r"(\{[^}]*\})")
