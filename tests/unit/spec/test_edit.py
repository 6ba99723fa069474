from __future__ import annotations

from difflib import ndiff
from pathlib import Path

import pytest

from fleetgen.spec.edit import files_of, remove_key, replace_stack, set_key, splice
from fleetgen.spec.load import load, load_text
from fleetgen.spec.node import Document
from fleetgen.spec.places import places
from fleetgen.spec.resolve import resolve

SAMPLES = Path(__file__).parents[3] / "samples"
ALL = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())


def document(text: str) -> Document:
    found, problems = load_text(text)
    assert not problems
    assert found is not None
    return found


def in_python(text: str) -> str:
    return replace_stack(document(text), "python").texts["fleet.yaml"]


def services(text: str) -> str:
    return f"fleet: shop\ncontexts:\n{text}"


def test_stack_stores_and_api_are_replaced_and_kept_to_be_seen() -> None:
    before = services(
        "  # people\n"
        "  user:\n"
        "    stack: node      # their choice\n"
        "    stores: {primary: mongodb, search: elasticsearch}\n"
        "    api: [rest, graphql]   # federated\n"
        "    patterns: [event-sourcing]\n"
        "    purpose: People\n"
    )
    assert in_python(before) == services(
        "  # people\n"
        "  user:\n"
        "    stack: python    # their choice\n"
        "    asked: {stack: node, stores: {primary: mongodb, search: elasticsearch}, api: [graphql], "
        "patterns: [event-sourcing]}\n"
        "    stores: {primary: postgresql}\n"
        "    api: [rest]            # federated\n"
        "    purpose: People\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "  a: {stack: go, api: websocket}\n",
            "  a: {stack: python, asked: {stack: go, api: [websocket]}, api: [rest]}\n",
        ),
        # What the stack has stays as it is.
        ("  a: {stack: go, patterns: [cqrs]}\n", "  a: {stack: python, asked: {stack: go}, patterns: [cqrs]}\n"),
        ("  a:\n", "  a: {stack: python}\n"),
        ("  a: {purpose: x}\n", "  a: {stack: python, purpose: x}\n"),
        ("  a:\n    purpose: x\n", "  a:\n    stack: python\n    purpose: x\n"),
        (
            "  a: {stack: go, patterns: [event-sourcing]}\n",
            "  a: {stack: python, asked: {stack: go, patterns: [event-sourcing]}}\n",
        ),
        (
            "  a: {patterns: [event-sourcing], stack: go}\n",
            "  a: {stack: python, asked: {stack: go, patterns: [event-sourcing]}}\n",
        ),
        (
            "  a: {stack: python, stores: {primary: {kind: postgresql, name: x}, cache: redis}}\n",
            "  a: {stack: python, asked: {stores: {cache: redis}}, stores: {primary: {kind: postgresql, name: x}}}\n",
        ),
        (
            "  a: {stack: python, asked: {stack: java}, stores: {cache: redis}}\n",
            "  a: {stack: python, asked: {stack: java, stores: {cache: redis}}, stores: {primary: postgresql}}\n",
        ),
        (
            "  a:\n    stack: go\n    services: {one: {}, two: {stack: java}}\n",
            "  a:\n    stack: python\n    asked: {stack: go}\n"
            "    services: {one: {}, two: {stack: python, asked: {stack: java}}}\n",
        ),
    ],
)
def test_forms(before: str, after: str) -> None:
    assert in_python(services(before)) == services(after)


@pytest.mark.parametrize("name", ALL)
def test_samples(name: str) -> None:
    found, _ = load(SAMPLES / name)
    assert found is not None
    replaced = replace_stack(found, "python")
    fleet, problems = resolve(replaced)
    assert not problems
    assert fleet is not None
    assert {each.stack for each in fleet.services} == {"python"}
    assert {kind for each in fleet.services for kind in each.stores.values()} == {"postgresql"}
    assert {api for each in fleet.services for api in each.api} == {"rest"}
    assert not any(each.sourced for each in fleet.services)
    assert replace_stack(replaced, "python").texts == replaced.texts


def test_replacements_are_told() -> None:
    found, _ = load(SAMPLES / "ecommerce")
    assert found is not None
    fleet, _ = resolve(replace_stack(found, "python"))
    assert fleet is not None
    told = {each.name: each.replacements for each in fleet.services if each.replacements}
    assert told["catalog"] == (
        ("stack", "node", "python"),
        ("primary store", "mongodb", "postgresql"),
        ("cache store", "redis", "postgresql"),
        ("search store", "elasticsearch", "postgresql"),
        ("api", "graphql", "rest"),
    )
    assert told["order"][-1] == ("pattern", "event-sourcing", "stored state")
    assert "payment" not in told


def test_only_lines_that_change_are_touched() -> None:
    found, _ = load(SAMPLES / "ecommerce")
    assert found is not None
    before = found.texts[found.path]
    after = replace_stack(found, "python").texts[found.path]
    words = ("stack:", "stores:", "api:", "patterns:", "asked:")
    for line in ndiff(before.splitlines(), after.splitlines()):
        if line[0] in "+-":
            assert line[2:].strip().startswith(words), line


def test_another_stack_takes_everything() -> None:
    text = services("  a: {stack: node, stores: {primary: mongodb}, api: [graphql]}\n")
    after = replace_stack(document(text), "own-template").texts["fleet.yaml"]
    assert after == services(
        "  a: {stack: own-template, asked: {stack: node}, stores: {primary: mongodb}, api: [graphql]}\n"
    )


def test_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "contexts").mkdir()
    (tmp_path / "fleet.yaml").write_text("fleet: shop\ncontexts:\n  a: {stack: python}\n")
    (tmp_path / "contexts" / "b.yaml").write_text("# own\nstack: go   # fast\n")
    found, _ = load(tmp_path)
    assert found is not None
    replaced = replace_stack(found, "python")
    assert files_of(replaced) == {
        "fleet.yaml": "fleet: shop\ncontexts:\n  a: {stack: python}\n",
        "contexts/b.yaml": "# own\nstack: python # fast\nasked: {stack: go}\n",
    }


def test_files_of_a_file_of_another_name(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("fleet: shop\ncontexts: {}\n")
    found, _ = load(tmp_path / "my.yaml")
    assert found is not None
    assert list(files_of(found)) == ["fleet.yaml"]


BLOCK = "# head\na: 1   # one\nb:\n  c: x\n  # inside\n  d: [1,\n     2]\n# tail\n"


@pytest.mark.parametrize(
    ("key", "after", "expected"),
    [
        ("a", "", "# head\na: new # one\nb:\n  c: x\n  # inside\n  d: [1,\n     2]\n# tail\n"),
        ("e", "a", "# head\na: 1   # one\ne: new\nb:\n  c: x\n  # inside\n  d: [1,\n     2]\n# tail\n"),
        ("e", "b", "# head\na: 1   # one\nb:\n  c: x\n  # inside\n  d: [1,\n     2]\ne: new\n# tail\n"),
        ("e", "", "# head\ne: new\na: 1   # one\nb:\n  c: x\n  # inside\n  d: [1,\n     2]\n# tail\n"),
    ],
)
def test_set_key(key: str, after: str, expected: str) -> None:
    assert splice(BLOCK, [set_key(BLOCK, places(BLOCK), key, "new", after)]) == expected


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        (BLOCK, "a", "# head\nb:\n  c: x\n  # inside\n  d: [1,\n     2]\n# tail\n"),
        (BLOCK, "b", "# head\na: 1   # one\n# tail\n"),
        ("{a: 1, b: 2, c: 3}", "a", "{b: 2, c: 3}"),
        ("{a: 1, b: 2, c: 3}", "c", "{a: 1, b: 2}"),
        ("{a: 1}", "a", "{}"),
        ("a: 1\r\nb: 2\r\n", "a", "b: 2\r\n"),
    ],
)
def test_remove_key(text: str, key: str, expected: str) -> None:
    edit = remove_key(text, places(text), key)
    assert edit is not None
    assert splice(text, [edit]) == expected
    assert remove_key(text, places(text), "zzz") is None


@pytest.mark.parametrize("text", ["kpis: {x}\n", "kpis: {x: , y}\n", "kpis: {x }", "kpis:\n  x  :\n"])
def test_a_key_may_do_without_value_and_colon(text: str) -> None:
    document, _ = load_text(f"fleet: shop\ncontexts: {{a: {{stack: go}}}}\n{text}")
    assert document is not None
    (changed,) = replace_stack(document, "python").texts.values()
    assert changed.endswith(text) and "stack: python" in changed
