from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from fleetgen.spec.edit import replace_stack
from fleetgen.spec.load import load
from fleetgen.spec.resolve import resolve
from fleetgen.spec.schema import json_schema
from fleetgen.spec.show import show

SAMPLES = Path(__file__).parents[3] / "samples"
ALL = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())
SCHEMA = json_schema()


def errors(text: str) -> list[str]:
    data = YAML(typ="safe", pure=True).load(text)
    return [f"{each.json_path}: {each.message}" for each in Draft202012Validator(SCHEMA).iter_errors(data)]


def test_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"].endswith("2020-12/schema")
    assert json_schema() == SCHEMA


@pytest.mark.parametrize("name", ALL)
def test_samples_are_valid_as_written_and_in_every_other_form(name: str) -> None:
    document, _ = load(SAMPLES / name)
    assert document is not None
    fleet, _ = resolve(document)
    assert fleet is not None
    assert errors(document.texts[document.path]) == []
    assert errors(replace_stack(document, "python").texts[document.path]) == []
    assert errors(show(fleet)) == []


@pytest.mark.parametrize(
    "text",
    [
        "domain: x\ncontexts: {}\n",
        "fleet: Shop\ncontexts: {}\n",
        "fleet: shop\ncontexts: {order: {pupose: x}}\n",
        "fleet: shop\ncontexts: {order: {subdomain: cor}}\n",
        "fleet: shop\ncontexts: {order: {slo: {p95: 300}}}\n",
        "fleet: shop\ncontexts: {order: {aggregates: {Order: {fields: {total: float}}}}}\n",
        "fleet: shop\ncontexts: {order: {aggregates: {Order: {commands: {PlaceOrder: {or: X}}}}}}\n",
        "fleet: shop\ncontexts: {}\nsagas: {s: {mode: both, steps: [A]}}\n",
        "fleet: shop\ncontexts: {}\nsagas: {s: {steps: [A -> B]}}\n",
        "fleet: shop\ncontexts: {}\ncontext-map: [a => b]\n",
    ],
)
def test_mistakes_are_seen_by_editors(text: str) -> None:
    assert errors(text)


def properties(node: Any) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        here = list(node.get("properties", {}).items()) if isinstance(node.get("properties"), dict) else []
        return here + [each for value in node.values() for each in properties(value)]
    return [each for value in node for each in properties(value)] if isinstance(node, list) else []


def test_every_key_is_described() -> None:
    generated = {"list", "optional", "type", "renamed-from"}
    for key, body in properties(SCHEMA):
        assert body.get("description") or key in generated, key
