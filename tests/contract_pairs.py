"""Pairs of schemas, an earlier version and a later one, and what is to be said of them at a level of compatibility.

`fits` is the verdict of a real registry. Where fleetgen says otherwise, `ours` gives the reason.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fleetgen.contracts import proto_file
from fleetgen.contracts.compatibility import Schema

BACKWARD, FORWARD, FULL = "BACKWARD_TRANSITIVE", "FORWARD_TRANSITIVE", "FULL_TRANSITIVE"


@dataclass(frozen=True)
class Pair:
    """`earlier` are versions that are registered one after the other without a check, `new` is asked about."""

    name: str
    kind: str  # AVRO or PROTOBUF
    level: str
    earlier: tuple[str, ...]
    new: str
    fits: bool
    ours: str = ""  # why our verdict is the opposite

    @property
    def fits_us(self) -> bool:
        return self.fits != bool(self.ours)

    def schema(self, text: str) -> Schema:
        return json.loads(text) if self.kind == "AVRO" else proto_file.read(text)


def avro(*fields: Any, name: str = "Placed", **more: Any) -> str:
    written = [{"name": each[0], "type": each[1], **(each[2] if len(each) > 2 else {})} for each in fields]
    return json.dumps({"type": "record", "name": name, "namespace": "shop.order", "fields": written, **more})


def proto(body: str, head: str = "") -> str:
    return f'syntax = "proto3";\n\npackage shop.order;\n\n{head}message Placed {{\n{body}\n}}\n'


NULL: dict[str, Any] = {"default": None}
ID, SKU = ("id", "string"), ("sku", "string")
OPTIONAL = ("coupon", ["null", "string"], NULL)


def _enum(*symbols: str, **more: Any) -> Any:
    return {"type": "enum", "name": "State", "symbols": list(symbols), **more}


def _line(*fields: Any, name: str = "Line") -> Any:
    return {"type": "array", "items": json.loads(avro(*fields, name=name))}


def _logical(type_: str, meaning: str) -> Any:
    return {"type": type_, "logicalType": meaning}


MICROS = _logical("long", "timestamp-micros")
_MEANING = "the bytes stay readable and mean something else; a registry looks at bytes alone"


def _avro(name: str, old: str, new: str, backward: bool, forward: bool, ours: str = "") -> list[Pair]:
    """One change asked at all three levels; `ours` is why fleetgen refuses what a registry lets pass."""
    verdicts = {BACKWARD: backward, FORWARD: forward, FULL: backward and forward}
    return [Pair(f"{name}, {level}", "AVRO", level, (old,), new, fits, ours) for level, fits in verdicts.items()]


AVRO_PAIRS: tuple[Pair, ...] = tuple(
    pair
    for pairs in (
        _avro("nothing changed", avro(ID), avro(ID), True, True),
        _avro("field added without a default", avro(ID), avro(ID, SKU), False, True),
        _avro("field added with a default", avro(ID), avro(ID, ("sku", "string", {"default": ""})), True, True),
        _avro("optional field added", avro(ID), avro(ID, OPTIONAL), True, True),
        _avro("optional field added without a default", avro(ID), avro(ID, OPTIONAL[:2]), False, True),
        _avro("required field removed", avro(ID, SKU), avro(ID), True, False),
        _avro("optional field removed", avro(ID, OPTIONAL), avro(ID), True, True),
        _avro("fields in another order", avro(ID, SKU), avro(SKU, ID), True, True),
        _avro("field renamed", avro(ID, SKU), avro(ID, ("article", "string")), False, False),
        _avro(
            "field renamed with an alias",
            avro(ID, SKU),
            avro(ID, ("article", "string", {"aliases": ["sku"]})),
            True,
            False,
        ),
        _avro("text became a number", avro(ID, SKU), avro(ID, ("sku", "long")), False, False),
        _avro("int became long", avro(("n", "int")), avro(("n", "long")), True, False),
        _avro("long became double", avro(("n", "long")), avro(("n", "double")), True, False),
        _avro("text became bytes", avro(SKU), avro(("sku", "bytes")), True, True),
        _avro("required became optional", avro(SKU), avro(("sku", ["null", "string"], NULL)), True, False),
        _avro("optional became required", avro(("sku", ["null", "string"], NULL)), avro(SKU), False, True),
        _avro(
            "branches of a union in another order",
            avro(("n", ["null", "string"])),
            avro(("n", ["string", "null"])),
            True,
            True,
        ),
        _avro(
            "branch added to a union", avro(("n", ["null", "int"])), avro(("n", ["null", "int", "string"])), True, False
        ),
        _avro("branch removed from a union", avro(("n", ["int", "string"])), avro(("n", ["int"])), False, True),
        _avro("symbol added", avro(("s", _enum("A", "B"))), avro(("s", _enum("A", "B", "C"))), True, False),
        _avro("symbol removed", avro(("s", _enum("A", "B"))), avro(("s", _enum("A"))), False, True),
        _avro(
            "symbol removed beside a default",
            avro(("s", _enum("A", "B"))),
            avro(("s", _enum("A", default="A"))),
            True,
            True,
        ),
        _avro("symbols in another order", avro(("s", _enum("A", "B"))), avro(("s", _enum("B", "A"))), True, True),
        _avro(
            "list of another type",
            avro(("l", {"type": "array", "items": "string"})),
            avro(("l", {"type": "array", "items": "long"})),
            False,
            False,
        ),
        _avro("one became many", avro(SKU), avro(("sku", {"type": "array", "items": "string"})), False, False),
        _avro("field added inside a value", avro(("l", _line(SKU))), avro(("l", _line(SKU, ID))), False, True),
        _avro(
            "optional field added inside a value",
            avro(("l", _line(SKU))),
            avro(("l", _line(SKU, OPTIONAL))),
            True,
            True,
        ),
        _avro("value of another name", avro(("l", _line(SKU))), avro(("l", _line(SKU, name="Item"))), False, False),
        _avro("record of another name", avro(ID), avro(ID, name="Ordered"), False, False),
        _avro(
            "fixed of another size",
            avro(("f", {"type": "fixed", "name": "F", "size": 4})),
            avro(("f", {"type": "fixed", "name": "F", "size": 8})),
            False,
            False,
        ),
        _avro(
            "map of another type",
            avro(("m", {"type": "map", "values": "long"})),
            avro(("m", {"type": "map", "values": "string"})),
            False,
            False,
        ),
    )
    for pair in pairs
)
AVRO_DIFFERENCES: tuple[Pair, ...] = (
    Pair("duration became a moment", "AVRO", BACKWARD, (avro(("t", "long")),), avro(("t", MICROS)), True, _MEANING),
    Pair("moment became a number", "AVRO", BACKWARD, (avro(("t", MICROS)),), avro(("t", "long")), True, _MEANING),
    Pair("text became a uuid", "AVRO", FULL, (avro(ID),), avro(("id", _logical("string", "uuid"))), True, _MEANING),
)
_WAS_A_NUMBER = (avro(ID, ("n", "long")), avro(ID))
_IS_A_TEXT = avro(ID, ("n", ["null", "string"], NULL))
TRANSITIVE: tuple[Pair, ...] = (
    Pair("a name came back as another type", "AVRO", BACKWARD, _WAS_A_NUMBER, _IS_A_TEXT, False),
    Pair("only the newest is asked", "AVRO", "BACKWARD", _WAS_A_NUMBER, _IS_A_TEXT, True),
    Pair("nothing is asked", "AVRO", "NONE", (avro(ID),), avro(("id", "long")), True),
)

_ID = "  string id = 1;"
_BOTH = f"{_ID}\n  string sku = 2;"
_GONE = f'  reserved 2;\n  reserved "sku";\n{_ID}'
_PART = "  message Line {{\n    string sku = 1;\n{0}  }}\n  repeated Line lines = 1;"


def _proto(name: str, old: str, new: str, fits: bool, level: str = BACKWARD, ours: str = "") -> Pair:
    return Pair(name, "PROTOBUF", level, (proto(old),), proto(new), fits, ours)


PROTO_PAIRS: tuple[Pair, ...] = (
    _proto("nothing changed", _BOTH, _BOTH, True),
    _proto("optional field added", _ID, f"{_ID}\n  optional string sku = 2;", True),
    _proto("list added", _ID, f"{_ID}\n  repeated string sku = 2;", True),
    _proto("field removed and reserved", _BOTH, _GONE, True),
    _proto("field removed, nothing reserved", _BOTH, _ID, False),
    _proto("field removed, number reserved alone", _BOTH, f"  reserved 2;\n{_ID}", False),
    _proto("field moved to another number", _BOTH, f"{_ID}\n  string sku = 3;", False),
    _proto("numbers exchanged", _BOTH, "  string id = 2;\n  string sku = 1;", False),
    _proto("field renamed", _BOTH, f"{_ID}\n  string article = 2;", False),
    _proto("field of another type", _BOTH, f"{_ID}\n  int64 sku = 2;", False),
    _proto("one became many", _BOTH, f"{_ID}\n  repeated string sku = 2;", False),
    _proto("reserved number used again", _GONE, f'  reserved "sku";\n{_ID}\n  string article = 2;', False),
    _proto("reserved name used again", _GONE, f"  reserved 2;\n{_ID}\n  string sku = 3;", False),
    _proto("reservation forgotten", _GONE, _ID, False),
    _proto("fields in another order", _BOTH, f"  string sku = 2;\n{_ID}", True),
    _proto("optional field added inside a part", _PART.format(""), _PART.format("    optional string id = 2;\n"), True),
    _proto("field removed inside a part", _PART.format("    string id = 2;\n"), _PART.format(""), False),
    _proto(
        "field of another type inside a part",
        _PART.format("    string id = 2;\n"),
        _PART.format("    bool id = 2;\n"),
        False,
    ),
    _proto("required became optional", _BOTH, f"{_ID}\n  optional string sku = 2;", False),
    _proto("optional became required", f"{_ID}\n  optional string sku = 2;", _BOTH, False),
    _proto("required field removed, both ways", _BOTH, _GONE, False, FULL),
)
_PRESENCE = "proto3 reads a missing field as zero or empty, and the specification says that it is never missing"
_REVERSED = (
    "asked the other way round, Apicurio takes a field that is new for one that was removed without being reserved; "
    "Protobuf's readers skip what they do not know, and Confluent's registry lets it pass"
)
PROTO_DIFFERENCES: tuple[Pair, ...] = (
    _proto("required field added", _ID, _BOTH, True, ours=_PRESENCE),
    _proto("optional field added, both ways", _ID, f"{_ID}\n  optional string sku = 2;", False, FULL, _REVERSED),
    _proto("optional field removed, both ways", f"{_ID}\n  optional string sku = 2;", _GONE, False, FULL, _REVERSED),
)
PAIRS: tuple[Pair, ...] = (*AVRO_PAIRS, *AVRO_DIFFERENCES, *TRANSITIVE, *PROTO_PAIRS, *PROTO_DIFFERENCES)
