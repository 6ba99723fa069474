"""Payloads: Avro in the registry's wire format, read with the schema they were written with."""

from __future__ import annotations

import contextlib
import io
import json
import struct
from typing import Any

import fastavro
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.avro import Shape, from_datum, to_datum
from chassis.codec import AVRO, PROTOBUF, Codec, subject
from chassis.definition import Definition, Message, Value
from chassis.dispatch import PermanentFailure, Record
from chassis.protobuf import ProtobufShape
from chassis.registry import HttpRegistry, IncompatibleSchema, RegistryUnavailable, UnknownSchema
from tiny_parts import MemoryRegistry
from tiny_service import facts, name

ID = "018f3b6e-0000-7000-8000-000000000001"
PLACED = "order.OrderPlaced.v1"
WIRE = {
    "orderId": ID, "customerId": ID, "quantity": 2, "price": {"amount": 5, "currency": "EUR"}, "email": "a@b",
}  # fmt: skip


def codec(registry: Any = None, **more: Any) -> Codec:
    return Codec(Definition.model_validate(facts(**more)), registry or MemoryRegistry())


def record(payload: bytes | None, ce_type: str = PLACED, content_type: str = "application/avro") -> Record:
    return Record("t", 0, 0, "k", {"ce_type": ce_type, "content-type": content_type}, payload)


def test_wire_format() -> None:
    encoder = codec()
    payload = encoder.encode(PLACED, WIRE)
    assert struct.unpack_from(">bI", payload) == (0, encoder.schema_id(PLACED))
    assert encoder.decode(record(payload)) == WIRE


def test_registers_one_subject_a_topic_and_record() -> None:
    definition = Definition.model_validate(facts())
    assert subject(definition.events_by_type[PLACED]) == "tiny.order.order.events-tiny.order.OrderPlaced"


def test_reads_what_an_older_or_newer_service_wrote() -> None:
    registry = MemoryRegistry()
    reader = codec(registry)
    schema = json.loads(json.dumps(Definition.model_validate(facts()).events_by_type[PLACED].avro))
    schema["fields"] = [*reversed(schema["fields"]), {"name": "later", "type": "string"}]
    schema_id = registry.register("s", schema, "BACKWARD_TRANSITIVE")
    out = io.BytesIO(struct.pack(">bI", 0, schema_id))
    out.seek(5)
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), {**WIRE, "later": "x"})
    assert reader.decode(record(out.getvalue())) == WIRE


@pytest.mark.parametrize("payload", [None, b"", b"\x00", b"\x01\x00\x00\x00\x01", b"{}", b"\x00\x00\x00\x00\x01"])
def test_what_is_no_payload_fails_for_good(payload: bytes | None) -> None:
    reader = codec()
    reader.schema_id(PLACED)
    with pytest.raises(PermanentFailure) as caught:
        reader.decode(record(payload))
    assert caught.value.reason == "deserialize"


@given(st.binary(max_size=60))
def test_no_bytes_do_more_than_fail_for_good(noise: bytes) -> None:
    reader = codec()
    reader.schema_id(PLACED)
    with contextlib.suppress(PermanentFailure):
        assert isinstance(reader.decode(record(b"\x00\x00\x00\x00\x01" + noise)), dict)


def test_unknown_schema_and_unknown_type() -> None:
    class Empty(MemoryRegistry):
        def schema(self, schema_id: int) -> dict[str, Any]:
            raise UnknownSchema(str(schema_id))

    with pytest.raises(PermanentFailure, match="9") as caught:
        codec(Empty()).decode(record(b"\x00\x00\x00\x00\x09"))
    assert caught.value.reason == "schema"
    with pytest.raises(PermanentFailure, match="no such message"):
        codec().decode(record(b"\x00\x00\x00\x00\x09", "order.Unheard.v1"))


def test_json_payloads() -> None:
    reader = codec()
    assert reader.decode(record(b'{"sagaId": "s"}', "fleet.saga.undone.v1", "application/json")) == {"sagaId": "s"}
    for broken in (b"[]", b"{", b"\xff"):
        with pytest.raises(PermanentFailure):
            reader.decode(record(broken, content_type="application/json; charset=utf-8"))


KINDS: dict[str, tuple[dict[str, Any], Any, Any]] = {
    # kind -> type, Avro, wire value
    "date": ({"kind": "date"}, {"type": "int", "logicalType": "date"}, "2026-01-31"),
    "datetime": (
        {"kind": "datetime"}, {"type": "long", "logicalType": "timestamp-micros"}, "2026-01-31T12:00:00.000001Z",
    ),
    "duration": ({"kind": "duration"}, "long", "PT1H0.5S"),
    "json": ({"kind": "json"}, "string", '{"a": 1}'),
    "decimal": ({"kind": "decimal"}, "string", "1.50"),
    "bool": ({"kind": "bool"}, "boolean", True),
    "optional": ({"kind": "optional", "of": {"kind": "date"}}, ["null", {"type": "int", "logicalType": "date"}], None),
    "list": (
        {"kind": "list", "of": {"kind": "duration"}}, {"type": "array", "items": "long"}, ["PT1S", "PT0S", "-PT2S"],
    ),
    "value": (
        {"kind": "value", "value": "Stay"},
        {
            "type": "record",
            "name": "Stay",
            "fields": [{"name": "from", "type": {"type": "int", "logicalType": "date"}}],
        },
        {"from": "2026-01-31"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_field_survives(kind: str) -> None:
    type_, avro, wire = KINDS[kind]
    stay = Value.model_validate({"name": name("Stay"), "fields": [{"name": name("from"), "type": {"kind": "date"}}]})
    message = Message.model_validate({
        "name": name("Thing"), "type": "x.Thing.v1", "topic": "t",
        "fields": [{"name": name("given"), "type": type_}],
        "avro": {"type": "record", "name": "Thing", "namespace": "x", "fields": [{"name": "given", "type": avro}]},
    })  # fmt: skip
    shape = Shape.of(message, {"Stay": stay})
    out = io.BytesIO()
    fastavro.schemaless_writer(out, shape.schema, to_datum(shape, {"given": wire}))
    out.seek(0)
    datum: Any = fastavro.schemaless_reader(out, shape.schema, None)
    assert from_datum(shape, datum) == {"given": wire}


def protobuf(*fields: dict[str, Any], nested: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """Facts of a message in Protobuf, as fleetgen gives them."""
    message = {"name": "Thing", "field": list(fields), "nestedType": list(nested)}
    known = ["google/protobuf/duration.proto", "google/protobuf/timestamp.proto"]
    descriptor = {"name": "t", "package": "x", "dependency": known, "messageType": [message], "syntax": "proto3"}
    return {"message": "x.Thing", "text": 'syntax = "proto3";', "descriptor": descriptor}


def proto_field(name: str, kind: str, label: str = "OPTIONAL", number: int = 1) -> dict[str, Any]:
    """A field; a kind that begins with a dot is a message."""
    typed = {"type": "TYPE_MESSAGE", "typeName": kind} if kind.startswith(".") else {"type": f"TYPE_{kind}"}
    return {"name": name, "number": number, "label": f"LABEL_{label}", "jsonName": name, **typed}


STAY = {"name": "Stay", "field": [proto_field(name("from")["snake"], "STRING")]}
MONEY = {"name": "Money_", "field": [proto_field("amount", "INT64"), proto_field("currency", "STRING", number=2)]}
ITEMS = {"name": "Given_List", "field": [proto_field("items", "STRING", "REPEATED")]}
PROTOBUF_KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], Any]] = {
    # kind -> type, field of Protobuf, wire value
    "date": ({"kind": "date"}, proto_field("given", "STRING"), "2026-01-31"),
    "datetime": (
        {"kind": "datetime"},
        proto_field("given", ".google.protobuf.Timestamp"),
        "1969-12-31T23:59:59.000001Z",
    ),
    "duration": ({"kind": "duration"}, proto_field("given", ".google.protobuf.Duration"), "-PT1H0.5S"),
    "int": ({"kind": "int"}, proto_field("given", "INT64"), -(2**63)),
    "money": ({"kind": "money"}, proto_field("given", ".x.Thing.Money_"), {"amount": 5, "currency": "EUR"}),
    "absent": (
        {"kind": "optional", "of": {"kind": "datetime"}},
        proto_field("given", ".google.protobuf.Timestamp"),
        None,
    ),
    "list": (
        {"kind": "list", "of": {"kind": "duration"}},
        proto_field("given", ".google.protobuf.Duration", "REPEATED"),
        ["PT1S", "PT0S"],
    ),
    "absent list": (
        {"kind": "optional", "of": {"kind": "list", "of": {"kind": "string"}}},
        proto_field("given", ".x.Thing.Given_List"),
        None,
    ),
    "empty list": (
        {"kind": "optional", "of": {"kind": "list", "of": {"kind": "string"}}},
        proto_field("given", ".x.Thing.Given_List"),
        [],
    ),
    "value": ({"kind": "value", "value": "Stay"}, proto_field("given", ".x.Thing.Stay"), {"from": "2026-01-31"}),
}


def thing(type_: dict[str, Any], form: dict[str, Any]) -> Message:
    return Message.model_validate({
        "name": name("Thing"), "type": "x.Thing.v1", "topic": "t", "fields": [{"name": name("given"), "type": type_}],
        "avro": {"type": "record", "name": "Thing", "namespace": "x", "fields": []},
        "protobuf": protobuf(form, nested=(STAY, MONEY, ITEMS)),
    })  # fmt: skip


@pytest.mark.parametrize("kind", PROTOBUF_KINDS)
def test_every_kind_of_field_survives_protobuf(kind: str) -> None:
    type_, form, wire = PROTOBUF_KINDS[kind]
    stay = Value.model_validate({"name": name("Stay"), "fields": [{"name": name("from"), "type": {"kind": "date"}}]})
    shape = ProtobufShape.of(thing(type_, form), {"Stay": stay})
    assert shape.decode(shape.encode({"given": wire})) == {"given": wire}


def test_a_missing_part_of_a_protobuf_message_is_no_value_made_up() -> None:
    shape = ProtobufShape.of(thing({"kind": "money"}, proto_field("given", ".x.Thing.Money_")), {})
    assert shape.decode(b"\x00") == {"given": None}


def in_protobuf() -> dict[str, Any]:
    """The tiny service's event, in Protobuf."""
    kinds = {
        "orderId": "STRING",
        "customerId": "STRING",
        "quantity": "INT64",
        "price": ".x.Thing.Money_",
        "email": "STRING",
    }
    named = {wire: name(wire)["snake"] for wire in kinds}
    fields = [proto_field(named[wire], kind, number=at) for at, (wire, kind) in enumerate(kinds.items(), 1)]
    written = json.loads(json.dumps(facts()))
    (placed,) = [event for event in written["events"] if event["type"] == PLACED]
    placed["protobuf"] = protobuf(*fields, nested=(MONEY,))
    return dict(written)


def test_protobuf_where_the_facts_say_so_and_avro_is_read_all_the_same() -> None:
    registry = MemoryRegistry()
    writes_avro, writes_protobuf = codec(registry), Codec(Definition.model_validate(in_protobuf()), registry)
    payload = writes_protobuf.encode(PLACED, WIRE)
    assert struct.unpack_from(">bIb", payload) == (0, writes_protobuf.schema_id(PLACED), 0)
    assert (writes_protobuf.content_type(PLACED), writes_avro.content_type(PLACED)) == (PROTOBUF, AVRO)
    assert writes_protobuf.decode(record(payload, content_type=PROTOBUF)) == WIRE
    assert writes_protobuf.decode(record(writes_avro.encode(PLACED, WIRE))) == WIRE
    with pytest.raises(PermanentFailure, match="does not know the message in Protobuf"):
        writes_avro.decode(record(payload, content_type=PROTOBUF))


@given(st.binary(max_size=60))
def test_no_bytes_do_more_than_fail_for_good_in_protobuf(noise: bytes) -> None:
    reader = Codec(Definition.model_validate(in_protobuf()), MemoryRegistry())
    with contextlib.suppress(PermanentFailure):
        assert isinstance(reader.decode(record(b"\x00\x00\x00\x00\x01" + noise, content_type=PROTOBUF)), dict)


class Confluent:
    """A registry on the other side of HTTP."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request.method, request.url.raw_path.decode()))
        if self.status != 200:
            return httpx.Response(self.status, json={"error_code": self.status, "message": "no"})
        if request.method == "GET":
            return httpx.Response(200, json={"schema": '{"type": "string"}'})
        return httpx.Response(200, json={"id": 7})


def registry(server: Confluent) -> HttpRegistry:
    return HttpRegistry("http://registry.test/", transport=httpx.MockTransport(server))


def test_registry_is_asked_once() -> None:
    server = Confluent()
    client = registry(server)
    assert client.register("a/b", {"type": "string"}, "FULL_TRANSITIVE") == 7
    assert client.register("a/b", {"type": "string"}, "FULL_TRANSITIVE") == 7
    assert server.requests == [("PUT", "/config/a%2Fb"), ("POST", "/subjects/a%2Fb/versions")]
    assert client.schema(7) == {"type": "string"}
    assert client.schema(8) == client.schema(8) == {"type": "string"}
    assert server.requests[2:] == [("GET", "/schemas/ids/8")]


def test_a_registry_is_told_that_a_schema_is_protobuf_and_at_which_level() -> None:
    bodies: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json={"id": 7})

    client = HttpRegistry("http://registry.test", transport=httpx.MockTransport(answer))
    assert client.register("s", 'syntax = "proto3";', "FULL") == 7
    assert bodies == [{"compatibility": "FULL"}, {"schema": 'syntax = "proto3";', "schemaType": "PROTOBUF"}]


@pytest.mark.parametrize(
    ("status", "error"),
    [(409, IncompatibleSchema), (422, IncompatibleSchema), (500, RegistryUnavailable), (429, RegistryUnavailable)],
)
def test_registry_refusals(status: int, error: type[Exception]) -> None:
    server = Confluent()
    server.status = status
    with pytest.raises(error, match="no"):
        registry(server).register("s", {"type": "string"}, "BACKWARD_TRANSITIVE")


def test_registry_that_is_away() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    client = HttpRegistry("http://registry.test", transport=httpx.MockTransport(refuse))
    with pytest.raises(RegistryUnavailable, match="refused"):
        client.schema(1)


def test_start_waits_for_the_registry_and_stops_at_an_incompatible_schema() -> None:
    class Late(MemoryRegistry):
        refusals = 3

        def register(self, subject: str, schema: dict[str, Any], compatibility: str) -> int:
            self.refusals -= 1
            if self.refusals >= 0:
                raise RegistryUnavailable("not yet")
            return super().register(subject, schema, compatibility)

    slept: list[float] = []
    codec(Late()).register(wait=60, sleep=slept.append)
    assert len(slept) == 3

    class Strict(MemoryRegistry):
        def register(self, subject: str, schema: dict[str, Any], compatibility: str) -> int:
            raise IncompatibleSchema(subject)

    with pytest.raises(IncompatibleSchema):
        codec(Strict()).register()
