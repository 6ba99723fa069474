from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2_ansible_filters.core_filters import to_nice_yaml

from fleetgen.render.answers import load, nice_yaml, recordable, recorded_version

TRAPS = [
    "yes", "no", "on", "off", "y", "null", "~", "", " ", "1:30", "012", "0x1f", "1e3", "1_000", ".5", ".inf",
    "2020-01-01",
    "=", "<<", "- x", "? x", "a: b", "a #b", "#a", "'", '"', "@a", "`a", "%a", "!a", "&a", "*a", "{a}", "[a]", "|", ">",
    "---", "...",
    "x " * 60, "word " * 30, "a\nb", "a\n", "\n", "tab\there", "nul\0", "\x85", "\u2028", "ü", "😀", "\ufeff",
    "k" * 130, "trailing ", " leading", "{{ jinja }}", "{% raw %}", "c:\\windows", "a" * 200,
]  # fmt: skip
TEXTS = st.text() | st.text("ab :#-'\"\n,[]{}é.0123456789yn~", max_size=120) | st.sampled_from(TRAPS)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
DATA = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(TRAPS) | st.text(max_size=12), inner, max_size=5)
    ),
    max_leaves=30,
)


@settings(deadline=None, max_examples=300)
@given(DATA)
@example({"a": 0.0, "b": -0.0})
@example({trap: trap for trap in TRAPS})
@example({"a": [[[]], {}, [{}], [[1, [2]]], {"b": [{"c": [1]}]}]})
def test_yaml_is_what_copier_writes(data: Any) -> None:
    assert nice_yaml(data) == to_nice_yaml(data)


def test_a_part_that_occurs_twice_is_an_anchor_as_in_copier() -> None:
    part = {"a": [1]}
    assert nice_yaml({"one": part, "two": part}) == to_nice_yaml({"one": part, "two": part})
    assert "&id001" in nice_yaml({"one": part, "two": part})


def test_recordable_data_shares_nothing_and_reads_back() -> None:
    part = (1, "x")
    plain = recordable({"b": part, "a": [part, {"c": part}]})
    assert plain == {"a": [[1, "x"], {"c": [1, "x"]}], "b": [1, "x"]}
    assert yaml.safe_load(nice_yaml(plain)) == plain
    assert "&id" not in nice_yaml(plain)


@pytest.mark.parametrize("version", ["1.0.0", "0.1.0", "2.0.0rc1", "10.20.30"])
def test_the_release_is_read_without_parsing(version: str) -> None:
    answers = "# a comment\n" + nice_yaml({"_commit": f"v{version}", "_src_path": "x", "service": {"_commit": "v9"}})
    assert recorded_version(answers.encode()) == version


def test_answers_with_conflict_markers_are_none() -> None:
    broken = b"<<<<<<< before updating\n_commit: v1\n=======\n_commit: v2\n>>>>>>> after updating\n"
    assert load(broken) is None
    assert load(b"just text") is None
    assert load(b"\xff\xfe\x00") is None
    assert load(b"_commit: v1.0.0\nfleet: {}\n") == {"_commit": "v1.0.0", "fleet": {}}
