"""Whatever happens to a specification, the answer is a fleet or diagnostics with a place, never a traceback."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fleetgen.core.diagnostic import Severity
from fleetgen.spec.edit import replace_stack
from fleetgen.spec.load import load_text
from fleetgen.spec.resolve import resolve
from fleetgen.spec.show import show

SAMPLES = Path(__file__).parents[3] / "samples"
TEXTS = [path.read_text() for path in sorted(SAMPLES.glob("*/fleet.yaml"))]
WORDS = [
    "[]",
    "{}",
    "null",
    "~",
    "''",
    "on",
    "012",
    "1:30",
    "x",
    "Order",
    "order",
    "-5",
    "99999999999999999999",
    "{a: b}",
    "[a]",
    "'",
    '"',
    ": ",
    "- ",
    "#",
    "*a",
    "&a x",
    "!x y",
    "{list: list}",
    "{optional: {list: Order}}",
    "rejection",
    "item",
    "item.x",
    "Order.total",
    "id",
    "state",
    "sum(lines)",
    "size(1)",
    "a = b",
    "not not 1",
    "pivot",
    "none",
    "7d",
    "5%",
    "800/s",
    "é",
    "\t",
    "{type: int}",
    "[[a]]",
    "{? a : b}",
    "true",
]


def mutated(text: str, random_: random.Random) -> str:
    lines = text.splitlines()
    for _ in range(random_.randint(1, 3)):
        at = random_.randrange(len(lines))
        kind = random_.randrange(6)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[random_.randrange(len(lines))])
        elif kind == 2:
            lines[at] = " " * random_.randrange(8) + lines[at].lstrip()
        elif kind == 3:
            key, colon, _ = lines[at].partition(":")
            lines[at] = f"{key}{colon} {random_.choice(WORDS)}"
        elif kind == 4:
            words = lines[at].split(" ")
            words[random_.randrange(len(words))] = random_.choice(WORDS)
            lines[at] = " ".join(words)
        else:
            cut = random_.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:cut] + random_.choice(WORDS) + lines[at][cut + random_.randrange(3) :]
        if not lines:
            lines = [""]
    return "\n".join(lines) + "\n"


def reshaped(text: str, random_: random.Random) -> str:
    """The same tree as JSON, which is YAML, with parts removed, replaced, renamed or moved."""
    data = YAML(typ="safe", pure=True).load(text)
    for _ in range(random_.randint(1, 4)):
        holder, key = random_.choice(list(parts(data)))
        kind = random_.randrange(5)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = random_.choice([None, [], {}, "", "x", 1, True, [[]], {"a": "b"}, *WORDS])
        elif kind == 2:
            other, there = random_.choice(list(parts(data)))
            holder[key] = json.loads(json.dumps(other[there]))
        elif isinstance(holder, dict):
            value = holder.pop(key)
            holder[random_.choice(["id", "name", key + "x", key[1:], key.upper(), *WORDS])] = value
        if not data:
            break
    return json.dumps(data, indent=1)


def parts(node: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in list(node.items()) if isinstance(node, dict) else list(enumerate(node)):
        yield node, key
        if isinstance(value, (dict, list)):
            yield from parts(value)


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
