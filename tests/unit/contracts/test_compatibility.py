"""Our verdicts: those of the table that a real registry is asked about too, and of Avro's own checker on anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract_pairs import PAIRS, Pair, avro
from fleetgen.contracts import avro_reading, proto_file
from fleetgen.contracts.breaks import Why
from fleetgen.contracts.compatibility import misfits


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.kind}: {pair.name}")
def test_verdict(pair: Pair) -> None:
    released = [(number, pair.schema(text)) for number, text in enumerate(pair.earlier, 1)]
    found = misfits(pair.level, pair.schema(pair.new), released)
    assert (not found) == pair.fits_us, found
    assert not pair.ours or len(pair.ours) > 40  # a difference has a reason


def test_every_kind_of_break_is_in_the_table() -> None:
    found = set()
    for pair in PAIRS:
        released = [(number, pair.schema(text)) for number, text in enumerate(pair.earlier, 1)]
        found |= {each.broken.why for each in misfits(pair.level, pair.schema(pair.new), released)}
    assert found == set(Why)


NAMES = st.sampled_from(["a", "b", "c"])
PRIMITIVES = st.sampled_from(["int", "long", "float", "double", "string", "bytes", "boolean"])
SYMBOLS = st.lists(st.sampled_from(["A", "B", "C"]), min_size=1, unique=True)


@st.composite
def types(draw: st.DrawFn, depth: int = 2) -> Any:
    """What generated contracts hold, and what people may have registered beside them."""
    choices = ["primitive", "optional", "list", "map", "enum", "record"][: 6 if depth else 1]
    kind = draw(st.sampled_from(choices))
    if kind == "primitive":
        return draw(PRIMITIVES)
    if kind == "optional":
        inner = draw(types(0))
        return draw(st.permutations(["null", inner]))
    if kind == "enum":
        return {"type": "enum", "name": f"E{depth}", "symbols": draw(SYMBOLS)}
    inner = draw(types(depth - 1))
    if kind == "list":
        return {"type": "array", "items": inner}
    if kind == "map":
        return {"type": "map", "values": inner}
    return {"type": "record", "name": f"R{depth}{draw(NAMES)}", "fields": [{"name": "inner", "type": inner}]}


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, Any]:
    fields = {}
    for name in draw(st.lists(NAMES, unique=True)):
        field: dict[str, Any] = {"name": name, "type": draw(types())}
        if isinstance(field["type"], list) and field["type"][0] == "null" and draw(st.booleans()):
            field["default"] = None
        fields[name] = {**field, "type": _once(field["type"], name)}
    return {"type": "record", "name": "Root", "namespace": "shop", "fields": list(fields.values())}


def _once(schema: Any, mark: str) -> Any:
    """Names of one schema must differ: each gets the field's as well, the same in both schemas."""
    if isinstance(schema, list):
        return [_once(branch, mark) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    written = {**schema, **({"name": schema["name"] + mark} if "name" in schema else {})}
    for key in ("items", "values"):
        if key in written:
            written[key] = _once(written[key], mark)
    if "fields" in written:
        written["fields"] = [{**field, "type": _once(field["type"], mark)} for field in written["fields"]]
    return written


@settings(deadline=None, max_examples=300)
@given(schemas(), schemas())
@example(json.loads(avro(("a", "int"))), json.loads(avro(("a", "long"))))
def test_avros_own_checker_agrees(reader: dict[str, Any], writer: dict[str, Any]) -> None:
    checker = ReaderWriterCompatibilityChecker()
    theirs = checker.get_compatibility(parse(json.dumps(reader)), parse(json.dumps(writer)))
    ours = avro_reading.unreadable(reader, writer)
    assert (not ours) == (theirs.compatibility is SchemaCompatibilityType.compatible), (ours, theirs.messages)


def test_recursive_records_come_to_an_end() -> None:
    tree = {
        "type": "record", "name": "Tree", "namespace": "shop",
        "fields": [{"name": "left", "type": ["null", "Tree"]}, {"name": "n", "type": "int"}],
    }  # fmt: skip
    wider = {**tree, "fields": [tree["fields"][0], {"name": "n", "type": "string"}]}
    assert avro_reading.unreadable(tree, tree) == ()
    assert {each.path for each in avro_reading.unreadable(wider, tree)} == {("n",)}


def test_an_explanation_names_the_inner_field() -> None:
    old = avro(("lines", {"type": "array", "items": json.loads(avro(("sku", "string"), name="Line"))}))
    new = avro(("lines", {"type": "array", "items": json.loads(avro(("sku", "long"), name="Line"))}))
    (found,) = avro_reading.unreadable(json.loads(new), json.loads(old))
    assert (found.path, found.why) == (("lines", "sku"), Why.TYPE)


def test_another_format_is_a_break() -> None:
    proto = proto_file.read('syntax = "proto3"; package shop.order; message Placed { string id = 1; }')
    (found,) = misfits("BACKWARD", proto, [(1, json.loads(avro(("id", "string"))))])
    assert found.broken.said == "was released in Avro"
