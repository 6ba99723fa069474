from __future__ import annotations

import pytest

from fleetgen.model.types import SCALAR_KINDS, Type
from fleetgen.spec.codes import Problems
from fleetgen.spec.grammar.types import parse_type
from fleetgen.spec.source import parse


def read(text: str) -> tuple[Type | None, Problems]:
    problems = Problems()
    root = parse(f"t: {text}", "fleet.yaml", problems)
    assert root is not None
    node = root.get("t")
    assert node is not None
    return parse_type(node, problems), problems


@pytest.mark.parametrize("kind", SCALAR_KINDS)
def test_every_word(kind: str) -> None:
    found, problems = read(kind)
    assert found == Type(kind)  # type: ignore[arg-type]
    assert not problems.found


@pytest.mark.parametrize(
    "text", ["OrderLine", "{list: OrderLine}", "{optional: uuid}", "{optional: {list: int}}", "{list: money}"]
)
def test_types_are_written_as_they_are_read(text: str) -> None:
    found, problems = read(text)
    assert str(found) == text
    assert not problems.found


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("varchar", "write `string`"),
        ("Uuid", "write `uuid`"),
        ("String", "write `string`"),
        ("OrderLine[]", "write `{list: OrderLine}`"),
        ("int?", "write `{optional: int}`"),
        ("blob", "choose from"),
        ("[int]", "write `{list: T}`"),
        ("{map: int}", "`{optional: T}`"),
        ("{list: int, optional: int}", "`{optional: T}`"),
        ("{list: {optional: int}}", "make its items a value"),
        ("{optional: {optional: int}}", "write `{optional: int}`"),
    ],
)
def test_refused(text: str, hint: str) -> None:
    found, problems = read(text)
    assert found is None
    assert [each.code for each in problems.found] == ["SPEC-23"]
    assert hint in problems.found[0].hint
