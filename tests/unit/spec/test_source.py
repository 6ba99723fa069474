from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetgen.spec.codes import Problems
from fleetgen.spec.node import Mapping, Scalar
from fleetgen.spec.source import parse
from fleetgen.spec.traps import trap


def read(text: str) -> tuple[Mapping | None, list[str]]:
    problems = Problems()
    return parse(text, "fleet.yaml", problems), [each.code for each in problems.found]


def test_places_of_keys_and_values() -> None:
    root, codes = read('fleet: shop\ncontexts:\n  order: {purpose: "Taking orders", api: [rest]}\n')
    assert not codes
    assert root is not None
    contexts = root.get("contexts")
    assert isinstance(contexts, Mapping)
    order = contexts.get("order")
    assert isinstance(order, Mapping)
    purpose = order.get("purpose")
    assert isinstance(purpose, Scalar)
    assert (purpose.span.line, purpose.span.column, purpose.span.length) == (3, 20, 15)
    assert str(purpose.part(7, 6)) == "fleet.yaml:3:28"  # `orders`, behind the quote
    key = order.key("api")
    assert key is not None
    assert (key.span.line, key.span.column) == (3, 37)


def test_part_of_a_text_of_several_lines_is_the_text() -> None:
    root, _ = read("vision: >\n  one\n  two\n")
    assert root is not None
    vision = root.get("vision")
    assert isinstance(vision, Scalar)
    assert vision.part(3, 2) == vision.span


def test_nulls_count_as_not_written() -> None:
    root, codes = read("a:\nb: ~\nc: null\nd: ''\n")
    assert not codes
    assert root is not None
    assert [root.get(key) for key in "abc"] == [None, None, None]
    assert root.get("d") is not None


def test_byte_order_mark_and_line_ends_of_windows() -> None:
    root, codes = read("fleet: shop\r\ndomain: x\r\n")
    assert not codes
    assert root is not None
    assert root.keys() == ("fleet", "domain")


@pytest.mark.parametrize(
    "text", ['"on"', "'no'", '"012"', "shop", "10", "1.5", "-3", "0", "0.5", "true", "12:30 at night", "v1", "7d"]
)
def test_what_all_readers_understand_alike(text: str) -> None:
    assert read(f"a: {text}\n")[1] == []


@pytest.mark.parametrize(
    "text",
    [
        "on",
        "Off",
        "YES",
        "no",
        "y",
        "N",
        "012",
        "-07",
        "0x1F",
        "0b1",
        "0o7",
        "1_000",
        "1:30",
        "12:30:45",
        ".inf",
        "-.INF",
        ".nan",
        "2026-01-01",
        "2026-01-01T10:00:00Z",
        "1e3",
        "1.5E-3",
    ],
)
def test_what_readers_understand_differently(text: str) -> None:
    assert trap(text) is not None
    assert read(f"a: {text}\n")[1] == ["SPEC-9"]
    assert read(f"{text}: a\n")[1] == ["SPEC-9"]
    assert read(f"a: '{text}'\n")[1] == []


def test_a_bomb_of_aliases_is_read_in_no_time() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    root, codes = read("\n".join(lines))
    assert root is not None
    assert set(codes) == {"SPEC-8"}


def test_deep_nesting_stops() -> None:
    assert read("a: " + "[" * 100_000)[1] == ["SPEC-12"]
    assert read("\n".join(" " * depth + "a:" for depth in range(500)))[1] == ["SPEC-12"]


@pytest.mark.parametrize("text", ["a: \x07", "a: \x00", "a: \ud800"])
def test_characters_that_yaml_does_not_allow(text: str) -> None:
    assert read(text)[1] == ["SPEC-6"]


@settings(max_examples=300)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@`,? \n\t~<=0", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    root, codes = read(text)
    assert root is not None or codes
