"""A `.proto` file of one message as data, as text, and read back from the text.

A subset of proto3 that every compiler knows: one package, one message with its parts nested inside it, fields,
`reserved`. Parts are nested so that each file stands alone: a released message never changes because another one does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Label = Literal["", "optional", "repeated"]
SCALARS = {"string": "TYPE_STRING", "int64": "TYPE_INT64", "bool": "TYPE_BOOL", "int32": "TYPE_INT32",
           "double": "TYPE_DOUBLE", "bytes": "TYPE_BYTES"}  # fmt: skip
WELL_KNOWN = {
    "google.protobuf.Timestamp": "google/protobuf/timestamp.proto",
    "google.protobuf.Duration": "google/protobuf/duration.proto",
}


class NotProto(ValueError):
    """A text that is not of this subset."""


@dataclass(frozen=True)
class ProtoField:
    """`type` is a scalar, a well-known type, or the name of a message nested in the file's message."""

    name: str
    type: str
    number: int
    label: Label = ""
    json_name: str = ""  # where it is not what compilers make of `name`

    @property
    def wire(self) -> str:
        """The name in JSON, which is that of the specification."""
        return self.json_name or _json(self.name)

    @property
    def required(self) -> bool:
        """Whether a record without it means nothing: proto3 cannot say so, the specification does."""
        return self.label == ""


@dataclass(frozen=True)
class ProtoMessage:
    """A message; numbers and names in `reserved` belonged to fields that are gone."""

    name: str
    fields: tuple[ProtoField, ...]
    nested: tuple[ProtoMessage, ...] = ()
    reserved: tuple[int, ...] = ()
    reserved_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProtoFile:
    """One file."""

    package: str
    message: ProtoMessage

    @property
    def full_name(self) -> str:
        """As the registry's subject and `Any` say it."""
        return f"{self.package}.{self.message.name}"

    @property
    def imports(self) -> tuple[str, ...]:
        """The files of the well-known types it uses."""
        parts = (self.message, *self.message.nested)
        used = {each.type for part in parts for each in part.fields}
        return tuple(sorted(path for name, path in WELL_KNOWN.items() if name in used))


def text(file: ProtoFile) -> str:
    """The file; the same data gives the same bytes, and `read` gives the data back."""
    lines = ['syntax = "proto3";', "", f"package {file.package};", ""]
    if file.imports:
        lines += [*(f'import "{path}";' for path in file.imports), ""]
    return "\n".join([*lines, *_lines(file.message, "")]) + "\n"


def _lines(message: ProtoMessage, indent: str) -> Iterator[str]:
    inner = indent + "  "
    yield f"{indent}message {message.name} {{"
    if message.reserved:
        yield f"{inner}reserved {', '.join(map(str, message.reserved))};"
    if message.reserved_names:
        quoted = ", ".join(f'"{name}"' for name in message.reserved_names)
        yield f"{inner}reserved {quoted};"
    for each in message.fields:
        option = f' [json_name = "{each.json_name}"]' if each.json_name else ""
        yield f"{inner}{each.label + ' ' if each.label else ''}{each.type} {each.name} = {each.number}{option};"
    for part in message.nested:
        yield ""
        yield from _lines(part, inner)
    yield f"{indent}}}"


def descriptor(file: ProtoFile) -> dict[str, Any]:
    """The `google.protobuf.FileDescriptorProto` in Protobuf's JSON form: what a library needs instead of a compiler."""
    return {
        "name": f"{file.full_name}.proto",
        "package": file.package,
        "dependency": list(file.imports),
        "messageType": [_message(file, file.message, f".{file.package}.{file.message.name}")],
        "syntax": "proto3",
    }


def _message(file: ProtoFile, message: ProtoMessage, full: str) -> dict[str, Any]:
    optional = [each.name for each in message.fields if each.label == "optional"]
    return {
        "name": message.name,
        "field": [_field(each, f".{file.full_name}", optional) for each in message.fields],
        "nestedType": [_message(file, part, f"{full}.{part.name}") for part in message.nested],
        "oneofDecl": [{"name": f"_{name}"} for name in optional],  # how proto3 keeps presence
    }


def _field(each: ProtoField, scope: str, optional: Sequence[str]) -> dict[str, Any]:
    written: dict[str, Any] = {"name": each.name, "number": each.number, "jsonName": each.wire}
    written["label"] = "LABEL_REPEATED" if each.label == "repeated" else "LABEL_OPTIONAL"
    if each.type in SCALARS:
        written["type"] = SCALARS[each.type]
    else:
        inside = each.type not in WELL_KNOWN
        written |= {"type": "TYPE_MESSAGE", "typeName": f"{scope}.{each.type}" if inside else f".{each.type}"}
    if each.label == "optional":
        written |= {"oneofIndex": optional.index(each.name), "proto3Optional": True}
    return written


def _json(name: str) -> str:
    """What compilers make of a field's name in JSON."""
    return re.sub(r"_+([a-z0-9]?)", lambda found: found[1].upper(), name)


def proto_field(name: str, type_: str, number: int, label: Label, wire: str) -> ProtoField:
    """A field that is called `wire` in JSON."""
    return ProtoField(name, type_, number, label, "" if _json(name) == wire else wire)


# -- reading

_TOKEN = re.compile(r'\s*(?://[^\n]*\s*)*([A-Za-z_][\w.]*|\d+|"[^"\n]*"|[{}=;,\[\]])')


@dataclass
class _Tokens:
    """The words of a text, one after the other."""

    rest: list[str] = field(default_factory=list)

    def take(self, *wanted: str) -> str:
        """The next word, which must be one of `wanted` where that says something."""
        found = self.rest.pop(0) if self.rest else "the end"
        if wanted and found not in wanted:
            raise NotProto(f"`{found}` stands where {' or '.join(f'`{each}`' for each in wanted)} is expected")
        return found

    @property
    def next(self) -> str:
        return self.rest[0] if self.rest else ""


def read(content: str) -> ProtoFile:
    """The file that a text says.

    Raises:
        NotProto: When it is not of the subset that `text` writes.
    """
    tokens = _Tokens(_words(content))
    for word in ("syntax", "=", '"proto3"', ";", "package"):
        tokens.take(word)
    package = tokens.take()
    tokens.take(";")
    while tokens.next == "import":
        tokens.take("import")
        tokens.take(*(f'"{path}"' for path in WELL_KNOWN.values()))
        tokens.take(";")
    file = ProtoFile(package, _read_message(tokens))
    if tokens.rest:
        raise NotProto(f"`{tokens.next}` stands after the message")
    return file


def _words(content: str) -> list[str]:
    found, at = [], 0
    content = content.rstrip()
    while at < len(content):
        match = _TOKEN.match(content, at)
        if match is None:
            raise NotProto(f"`{content[at : at + 20].strip()}` cannot be read")
        found.append(match[1])
        at = match.end()
    return found


def _read_message(tokens: _Tokens) -> ProtoMessage:
    tokens.take("message")
    name = tokens.take()
    tokens.take("{")
    fields: list[ProtoField] = []
    nested: list[ProtoMessage] = []
    reserved: list[str] = []
    while tokens.next != "}":
        if tokens.next == "message":
            nested.append(_read_message(tokens))
        elif tokens.next == "reserved" and tokens.rest[1][:1] in '"0123456789':
            reserved += _read_reserved(tokens)
        else:
            fields.append(_read_field(tokens))
    tokens.take("}")
    numbers = tuple(int(each) for each in reserved if each.isdigit())
    names = tuple(each.strip('"') for each in reserved if not each.isdigit())
    return ProtoMessage(name, tuple(fields), tuple(nested), numbers, names)


def _read_reserved(tokens: _Tokens) -> list[str]:
    tokens.take("reserved")
    found = [tokens.take()]
    while tokens.take(",", ";") == ",":
        found.append(tokens.take())
    return found


def _read_field(tokens: _Tokens) -> ProtoField:
    label: Label = ""
    if tokens.next in ("optional", "repeated"):
        label = "optional" if tokens.take() == "optional" else "repeated"
    type_, name = tokens.take(), tokens.take()
    tokens.take("=")
    number = tokens.take()
    if not number.isdigit():
        raise NotProto(f"`{number}` is no number of a field")
    json_name = ""
    if tokens.take("[", ";") == "[":
        tokens.take("json_name")
        tokens.take("=")
        json_name = tokens.take().strip('"')
        tokens.take("]")
        tokens.take(";")
    return ProtoField(name, type_, int(number), label, json_name)
