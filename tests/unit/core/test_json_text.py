from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetgen.core.json_text import indented

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner), max_leaves=20
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VALUES, st.booleans(), st.booleans(), st.sampled_from([0, 2, 4]))
def test_the_bytes_are_those_of_the_standard_library(value: Any, sort: bool, ascii_only: bool, indent: int) -> None:
    expected = json.dumps(value, indent=indent, sort_keys=sort, ensure_ascii=ascii_only)
    assert indented(value, indent, sort_keys=sort, ensure_ascii=ascii_only) == expected


@pytest.mark.parametrize("value", [{1: 2}, {None: 1}, (1, 2), {"a": {True: []}}, {"a": (1,)}])
def test_strange_values_go_to_the_standard_library(value: Any) -> None:
    assert indented(value) == json.dumps(value, indent=2)


def test_what_is_no_json_is_refused_as_ever() -> None:
    with pytest.raises(TypeError):
        indented({"a": object()})
