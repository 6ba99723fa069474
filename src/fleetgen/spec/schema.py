"""The JSON Schema of the written form, for editors and other tools. Made from the same table as checks and manual."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML

from fleetgen.model.types import SCALAR_KINDS
from fleetgen.spec.grammar.bindings import BINDING_PATTERN, PATH_PATTERN
from fleetgen.spec.grammar.relations import RELATION_PATTERN
from fleetgen.spec.grammar.steps import STEP_PATTERN
from fleetgen.spec.grammar.units import DURATION_PATTERN, RATE_PATTERN, SHARE_PATTERN, SIZE_PATTERN
from fleetgen.spec.names import PATTERNS
from fleetgen.spec.shape import (
    Anything,
    ByKind,
    Entry,
    Flag,
    Grammar,
    ListOf,
    MapOf,
    Name,
    Quantity,
    Record,
    Shape,
    Text,
    Whole,
    Word,
)
from fleetgen.spec.table.fleet import FLEET

Json = dict[str, Any]
_QUANTITIES = {"duration": DURATION_PATTERN, "size": SIZE_PATTERN, "rate": RATE_PATTERN, "share": SHARE_PATTERN}
_WORD = r"^[a-z][a-z0-9]*([-.][a-z0-9]+)*$"
_SCALAR: Json = {"type": ["string", "integer", "boolean"]}
_GRAMMARS: dict[str, Json] = {
    "type": {"$ref": "#/$defs/type"},
    "field": {"$ref": "#/$defs/field"},
    "expression": _SCALAR,
    "step": {"type": "string", "pattern": STEP_PATTERN},
    "relation": {"type": "string", "pattern": RELATION_PATTERN},
    "schedule": {"type": "string", "pattern": "^(every|cron) "},
    "path": {"type": "string", "pattern": PATH_PATTERN},
    "binding": {"anyOf": [{"type": ["integer", "boolean"]}, {"type": "string", "pattern": BINDING_PATTERN}]},
}
_TYPES: Json = {
    "type": {
        "title": "type",
        "description": "A word, the name of a value, `{list: T}` or `{optional: T}`",
        "anyOf": [
            {"enum": list(SCALAR_KINDS)},
            {"type": "string", "pattern": PATTERNS["pascal"]},
            {"$ref": "#/$defs/list"},
            {"$ref": "#/$defs/optional"},
        ],
    },
    "list": {
        "type": "object",
        "properties": {"list": {"$ref": "#/$defs/type"}},
        "required": ["list"],
        "additionalProperties": False,
    },
    "optional": {
        "type": "object",
        "properties": {"optional": {"$ref": "#/$defs/type"}},
        "required": ["optional"],
        "additionalProperties": False,
    },
    "field": {
        "title": "field",
        "anyOf": [
            {"$ref": "#/$defs/type"},
            {
                "type": "object",
                "properties": {"type": {"$ref": "#/$defs/type"}, "renamed-from": {"type": "string"}},
                "required": ["type"],
                "additionalProperties": False,
            },
        ],
    },
}


def json_schema() -> Json:
    """The schema, draft 2020-12."""
    builder = _Schema()
    root = builder.record(FLEET)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **root,
        "title": "fleetgen specification",
        "description": "A business domain from which fleetgen makes a fleet of services",
        "$defs": dict(sorted((_TYPES | builder.definitions).items())),
    }


class _Schema:
    """Records are definitions by their title; everything else stands where it is used."""

    def __init__(self) -> None:
        self.definitions: Json = {}

    def of(self, shape: Shape) -> Json:
        match shape:
            case Record():
                return self._referred(shape)
            case MapOf():
                return self._map(shape)
            case ListOf():
                items = {"type": "array", "items": self.of(shape.of)}
                return {"anyOf": [self.of(shape.of), items]} if shape.bare else items
            case ByKind():
                kinds = (shape.scalar, shape.sequence, shape.mapping)
                return {"anyOf": [self.of(each) for each in kinds if each is not None]}
        return _scalar(shape)

    def _referred(self, shape: Record) -> Json:
        name = shape.title.replace(" ", "-")
        if name not in self.definitions:
            self.definitions[name] = {}  # in work: a record may contain itself some day
            body = self.record(shape)
            if shape.short is not None:
                body = {"title": shape.title, "anyOf": [self.of(shape.short), body]}
            self.definitions[name] = body
        return {"$ref": f"#/$defs/{name}"}

    def record(self, shape: Record) -> Json:
        body: Json = {
            "title": shape.title,
            "type": "object",
            "properties": {entry.key: self._entry(entry) for entry in shape.entries},
            "additionalProperties": False,
        }
        required = [entry.key for entry in shape.entries if entry.required]
        return body | ({"required": required} if required else {})

    def _entry(self, entry: Entry) -> Json:
        about = entry.about + (f". Default: {entry.default}" if entry.default else "")
        found: Json = {"description": about}
        if entry.example:
            found["examples"] = [YAML(typ="safe", pure=True).load(entry.example)]
        return found | self.of(entry.shape)

    def _map(self, shape: MapOf) -> Json:
        inner = self.of(shape.of)
        nothing = shape.empty or (isinstance(shape.of, Record) and not any(each.required for each in shape.of.entries))
        found: Json = {
            "type": "object",
            "additionalProperties": {"anyOf": [inner, {"type": "null"}]} if nothing else inner,
        }
        pattern = PATTERNS[shape.key.form] if isinstance(shape.key, Name) else _anchored(shape.key.pattern)
        return found | ({"propertyNames": {"pattern": pattern}} if pattern else {})


def _anchored(pattern: str) -> str:
    return f"^(?:{pattern})$" if pattern else ""


def _scalar(shape: Shape) -> Json:
    match shape:
        case Name():
            return _name(shape)
        case Word():
            known: Json = {"enum": list(shape.choices)}
            return {"anyOf": [known, {"type": "string", "pattern": _WORD}]} if shape.open else known
        case Text():
            return {"type": "string", "pattern": _anchored(shape.pattern)} if shape.pattern else dict(_SCALAR)
        case Grammar():
            return dict(_GRAMMARS[shape.kind])
        case Quantity():
            return {"type": "string", "pattern": _QUANTITIES[shape.kind]}
    return _plain(shape)


def _name(shape: Name) -> Json:
    found: Json = {"type": "string", "pattern": PATTERNS[shape.form]}
    return {"anyOf": [{"enum": list(shape.words)}, found]} if shape.words else found


def _plain(shape: Shape) -> Json:
    match shape:
        case Flag():
            return {"type": "boolean"}
        case Whole():
            most = {} if shape.most is None else {"maximum": shape.most}
            return {"type": "integer", "minimum": shape.least, **most}
        case Anything():
            return {}
    raise TypeError(f"no schema for {shape!r}")
