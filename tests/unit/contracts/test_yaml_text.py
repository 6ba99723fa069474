from __future__ import annotations

from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetgen.contracts.yaml_text import plain_yaml


class _NoAnchors(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


TEXT = st.text() | st.sampled_from(["yes", "null", "1.0", "0x1", "- a", "a: b", "#", "", " a", "2020-01-01", "é" * 200])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_the_bytes_are_those_of_a_dump(document: dict[str, Any]) -> None:
    expected = yaml.dump(document, Dumper=_NoAnchors, sort_keys=False, allow_unicode=True, width=120)
    assert plain_yaml(document) == expected
    assert yaml.safe_load(expected) == document
