"""`.proto` files: the compiler takes them, and what was released keeps its numbers."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from pathlib import Path

import grpc_tools
import pytest
from google.protobuf import descriptor_pb2, json_format
from grpc_tools import protoc
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetgen.contracts import proto_file, protobuf
from fleetgen.contracts.compatibility import misfits
from fleetgen.contracts.proto_file import NotProto, ProtoFile, ProtoMessage, read, text
from fleetgen.contracts.released import Released
from fleetgen.core.resources import samples
from fleetgen.model.fleet import Field, Value
from fleetgen.model.types import SCALAR_KINDS, Type
from fleetgen.pipeline import check, contracts_of
from formats import written

LINE = Value(name="Line", fields=(Field(name="sku", type=Type("string")), Field(name="price", type=Type("money"))))
VALUES = {"Line": LINE}


def compiled(folder: Path, files: dict[str, str]) -> descriptor_pb2.FileDescriptorSet:
    """What the compiler of Protobuf makes of files, all in one run."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)
    out = folder / "all.bin"
    known = Path(grpc_tools.__file__).parent / "_proto"  # Protobuf's own files
    sources = [str(folder / name) for name in sorted(files)]
    assert protoc.main(["protoc", f"-I{folder}", f"-I{known}", f"-o{out}", *sources]) == 0
    return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


def field(name: str, kind: str | Type = "string", **more: str) -> Field:
    return Field(name=name, type=kind if isinstance(kind, Type) else Type(kind), **more)  # type: ignore[arg-type]


def made(fields: Sequence[Field], *released: ProtoFile) -> ProtoFile:
    return protobuf.file("Placed", "shop.order", fields, VALUES, released)


def numbers(file: ProtoFile) -> dict[str, int]:
    return {each.wire: each.number for each in file.message.fields}


@pytest.mark.parametrize("name", samples())
def test_the_compiler_takes_all_contracts_of_a_fleet_together(name: str, tmp_path: Path) -> None:
    contracts = contracts_of(check(written(name, "protobuf", tmp_path)), Released())
    files = {f"{contract.type}.proto": contract.text for contract in contracts}
    found = {file.name: file for file in compiled(tmp_path / "protos", files).file}
    for contract in contracts:
        schema = contract.schema
        assert isinstance(schema, ProtoFile)
        ours = json_format.ParseDict(proto_file.descriptor(schema), descriptor_pb2.FileDescriptorProto())
        theirs = found[f"{contract.type}.proto"]
        theirs.name = ours.name
        _without_reservations(theirs.message_type)
        assert ours == theirs  # what chassis build their classes from is what the compiler says
        assert read(contract.text) == schema


def _without_reservations(messages: Sequence[descriptor_pb2.DescriptorProto]) -> None:
    for message in messages:
        message.ClearField("reserved_range")
        message.ClearField("reserved_name")
        _without_reservations(message.nested_type)


def test_every_type_has_a_form(tmp_path: Path) -> None:
    plain = [Type(kind) for kind in SCALAR_KINDS] + [Type("value", value="Line")]
    wrapped = [Type(around, of=each) for around in ("list", "optional") for each in plain]  # type: ignore[arg-type]
    all_types = [*plain, *wrapped, *(Type("optional", of=Type("list", of=each)) for each in plain)]
    file = made([field(f"field{number}", type_) for number, type_ in enumerate(all_types)])
    assert read(text(file)) == file
    (back,) = compiled(tmp_path, {"a.proto": text(file)}).file
    assert len(back.message_type[0].field) == len(all_types)


@pytest.mark.parametrize(
    "name", ["from", "message", "optional", "reserved", "package", "option1", "import", "max", "to"]
)
def test_words_of_the_language_are_names_like_others(name: str, tmp_path: Path) -> None:
    file = made([field(name), field("id")])
    assert read(text(file)) == file
    (back,) = compiled(tmp_path, {"a.proto": text(file)}).file
    assert back.message_type[0].field[0].json_name == name


def test_numbers_stay_whatever_the_order() -> None:
    first = made([field("id"), field("sku"), field("total", "money")])
    later = made(
        [field("note", Type("optional", of=Type("string"))), field("total", "money"), field("sku"), field("id")], first
    )
    assert numbers(first) == {"id": 1, "sku": 2, "total": 3}
    assert numbers(later) == {**numbers(first), "note": 4}


def test_a_removed_field_is_reserved_for_ever_and_its_return_is_refused() -> None:
    first = made([field("id"), field("sku")])
    second = made([field("id")], first)
    assert (second.message.reserved, second.message.reserved_names) == ((2,), ("sku",))
    third = made([field("id"), field("note")], first, second)
    assert numbers(third) == {"id": 1, "note": 3}
    assert third.message.reserved == (2,)
    back = made([field("id"), field("sku")], first, second)
    assert {each.broken.path for each in misfits("BACKWARD_TRANSITIVE", back, [(1, first), (2, second)])} == {("sku",)}


def test_parts_keep_their_numbers_and_stay_when_nothing_uses_them() -> None:
    first = made([field("id"), field("lines", Type("list", of=Type("value", value="Line")))])
    second = made([field("id")], first)
    assert [part.name for part in second.message.nested] == ["Line", "Money_"]
    assert misfits("BACKWARD_TRANSITIVE", second, [(1, first)]) == ()


def test_numbers_of_the_compilers_own_are_left_out() -> None:
    before = ProtoFile("shop.order", ProtoMessage("Placed", (), reserved=(18999,)))
    assert numbers(made([field("id")], before)) == {"id": 20000}


FIELDS = st.lists(st.sampled_from("abcdefg"), unique=True)


@settings(deadline=None)
@given(st.lists(FIELDS, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_no_history_moves_a_number_or_gives_one_twice(history: list[list[str]], order: random.Random) -> None:
    """Optional fields that come, go and change places; each version is released where it fits what was."""
    released: list[ProtoFile] = []
    owner: dict[int, str] = {}
    for names in history:
        order.shuffle(names)
        file = made([field(name, Type("optional", of=Type("string"))) for name in names], *released)
        assert read(text(file)) == file
        returned = {each.wire for each in file.message.fields} & {
            name for each in released for name in each.message.reserved_names
        }
        fits = not misfits("FULL_TRANSITIVE", file, list(enumerate(released, 1)))
        assert fits == (not returned)
        if fits:
            released.append(file)
            for name, number in numbers(file).items():
                assert owner.setdefault(number, name) == name


_HEAD = 'syntax = "proto3"; package a; '


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\0",
        "'",
        'syntax = "proto2";',
        _HEAD + "message A { string b = 1; } message C {}",
        _HEAD + 'import "other.proto"; message A {}',
        _HEAD + "message A { string b = x; }",
        _HEAD + "message A { string b = 1;",
        _HEAD + "enum A { B = 0; }",
    ],
)
def test_another_text_is_refused(content: str) -> None:
    with pytest.raises(NotProto):
        read(content)


@given(st.text(max_size=80))
def test_no_text_does_more(content: str) -> None:
    with contextlib.suppress(NotProto):
        read(f"{_HEAD}message A {{ {content} }}")
