"""Whatever happens to a specification, the answer is a fleet or diagnostics with a place, never a traceback."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fleetgen.core.diagnostic import Severity
from fleetgen.spec.edit import replace_stack
from fleetgen.spec.load import load_text
from fleetgen.spec.resolve import resolve
from fleetgen.spec.show import show
from mutations import WORDS, mutated, reshaped

SAMPLES = Path(__file__).parents[3] / "samples"
TEXTS = [path.read_text() for path in sorted(SAMPLES.glob("*/fleet.yaml"))]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(TEXTS), st.randoms(use_true_random=False), st.sampled_from([mutated, reshaped]))
def test_no_traceback(text: str, random_: random.Random, mutate: Callable[[str, random.Random], str]) -> None:
    source = mutate(text, random_)
    document, found = load_text(source)
    if document is None:
        assert found
        return
    fleet, more = resolve(document)
    found = (*found, *more)
    count = len(source.splitlines())
    for each in found:
        assert each.span is not None, each
        assert 1 <= each.span.line <= count + 1, each
        assert each.span.column >= 1
        assert each.message
    grave = [each for each in found if each.severity is Severity.ERROR]
    assert (fleet is None) == bool(grave)
    replace_stack(document, "python")
    if fleet is not None:
        again, problems = load_text(show(fleet))
        assert not problems, (source, problems)
        assert again is not None
        same, _ = resolve(again)
        assert same == fleet


@given(
    st.recursive(
        st.sampled_from(WORDS),
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]")
            | st.dictionaries(
                st.sampled_from(["fleet", "contexts", "a", "sagas", "steps", "commands"]), inner, max_size=3
            ).map(lambda each: "{" + ", ".join(f"{key}: {value}" for key, value in each.items()) + "}")
        ),
    )
)
def test_any_value_of_any_key(value: str) -> None:
    for key in ("contexts", "sagas", "teams", "platform", "context-map", "evolution", "kpis", "legacy", "slo"):
        document, _ = load_text(f"fleet: shop\n{key}: {value}\n")
        if document is not None:
            resolve(document)
