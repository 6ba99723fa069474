"""Nothing stands in the report of a worked example that its specification, a recount or a generated file does not bear
out: every leaf, every source, every number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from fleetgen.evolve.create import create
from fleetgen.pipeline import check, desired, prepare, reported
from fleetgen.render.templates import installed
from fleetgen.report.architecture import leaves, trees
from fleetgen.report.architecture.leaf import Leaf
from fleetgen.report.architecture.sources import walk

from .raw import at, quantity, read, title
from .recount import Recount, titles

SAMPLES = Path(__file__).parents[4] / "samples"

# What the requirements ask for where a specification says nothing; `*` stands for a name.
DEFAULTS = {
    "contexts.*.consistency": "eventual",
    "contexts.*.stores.primary": "{primary: postgresql}",
    "contexts.*.stores.primary.kind": "{primary: postgresql}",
    "contexts.*.api.rest": "[rest]",
    "contexts.*.stack": "python",
    "contexts.*.aggregates.*.key": "id, a uuid made by the creating command",
    "platform.gateway.kind": "kong",
    "platform.gateway.rate-limit": "1000/min/user",
    "platform.discovery.kind": "consul",
    "platform.discovery.health-check": "30s",
    "platform.circuit-breaker.failures": "5",
    "platform.circuit-breaker.open": "30s",
    "platform.circuit-breaker.backoff": "exponential",
    "platform.timeouts.internal": "5s",
    "platform.timeouts.external": "30s",
    "platform.retries.attempts": "3",
    "platform.retries.backoff": "exponential",
    "platform.retries.jitter": "true",
    "platform.bulkhead.concurrent": "32",
    "platform.bulkhead.queued": "64",
    "platform.auth.users": "oauth2-jwt",
    "platform.auth.services": "mtls",
    "platform.telemetry.traces": "jaeger",
    "platform.telemetry.sampling": "1%",
    "platform.events.bus": "kafka",
    "platform.events.replicas": "3",
    "platform.events.partitions": "12",
    "platform.events.retention": "7d",
    "platform.events.format": "avro",
    "platform.events.registry": "confluent",
    "platform.events.compatibility": "backward-transitive",
    "platform.dead-letters.attempts": "8",
    "platform.dead-letters.retention": "30d",
    "sagas.*.timeout": "5m",
    "sagas.*.stuck": "manual",
    "zero-trust": "false",
}
# Words for what is written: what stands at the end of such a path, and how the report puts it.
WORDS = {
    ("buy", "consider"): "buying is to be considered",
    ("buy", "prefer"): "to be bought rather than built",
    ("stuck", "manual"): "an operator retries, skips, compensates or aborts a stuck saga",
    ("zero-trust", "true"): "zero trust",
    ("jitter", "true"): "with jitter",
    ("kind", "double-entry"): "ledger",
    ("kind", "istio"): "Istio",
    ("mode", "active-active"): "active-active",
    ("compliance", "compliance"): "the fleet's regimes",
    ("by", "strangler-fig"): "strangler fig",
    ("by", "database-decomposition"): "database decomposition",
    ("by", "event-interception"): "event interception",
}
ASIDE = {  # where nothing is written, and the grammar has no default either
    "legacy": "nothing is taken over",
    "load": "no load is written",
    "contexts.*.aggregates": "no aggregate",
}
ROLES = {
    "OHS": "open host service", "PL": "published language", "S": "supplier", "C": "customer",
    "ACL": "anti-corruption layer", "CF": "conformist", "P": "partnership", "SK": "shared kernel",
}  # fmt: skip
NUMBERS_IN_WORDS = re.compile(r"\bP95\b")


class Example:
    """A worked example as generated, and its report."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        checked = check(folder)
        assert not checked.failed
        self.report = trees(reported(checked, installed()))
        self.text = (folder / "fleet.yaml").read_text()
        self.spec = read(self.text)
        self.recount = Recount(self.spec)

    @cached_property
    def data(self) -> list[dict[str, Any]]:
        return leaves(self.report, places=True)

    @cached_property
    def files(self) -> dict[str, bytes]:
        found = (path for path in self.folder.rglob("*") if path.is_file() and ".git" not in path.parts)
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in found}

    def sources(self, kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        found = [(leaf, source) for leaf in self.data for source in leaf["sources"] if source["kind"] == kind]
        assert found, f"no source of kind {kind}"
        yield from found

    def leaves(self) -> Iterator[Leaf]:
        yield from (leaf for _, _, leaf in walk(self.report))


@pytest.fixture(scope="module", params=["ecommerce", "banking"])
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Example:
    prepared = prepare(SAMPLES / request.param, "python")
    folder = tmp_path_factory.mktemp("fleets") / request.param
    assert not [found for found in create(folder, desired(prepared.checked, installed()), prepared.files) if found.hint]
    return Example(folder)


def general(path: str) -> str:
    """A path with its names left out."""
    starred = re.sub(r"^(contexts|sagas|teams)\.[^.]+", r"\1.*", path)
    return re.sub(r"\.aggregates\.[^.]+", ".aggregates.*", starred)


def raw_text(example: Example, path: str) -> str:
    """What stands there: a text, the texts of a list, or its own name where more stands below it."""
    node = at(example.spec, path)
    assert node is not None, f"{path} is not written"
    if isinstance(node, list) and all(isinstance(item, str) for item in node):
        return ", ".join(node)
    last = re.findall(r"[^.\[\]]+", path)[-1]
    return node if isinstance(node, str) and node else last


def test_what_the_specification_says_stands_there(example: Example) -> None:
    lines = example.text.splitlines()
    for leaf, source in example.sources("specification"):
        assert source["file"] == "fleet.yaml"
        assert source["says"] == raw_text(example, source["path"]), (leaf["says"], source)
        first = re.split(r"[,\s]", source["says"])[0].strip("'\"")
        assert first in lines[source["line"] - 1], (source, lines[source["line"] - 1])


def test_words_mean_what_is_written(example: Example) -> None:
    for leaf, source in example.sources("specification"):
        assert agrees(example, source), (leaf["says"], source)


def agrees(example: Example, source: dict[str, Any]) -> bool:
    """Whether a leaf's words stand for the value."""
    text, says, path = source["text"], source["says"], source["path"]
    last = re.findall(r"[^.\[\]]+", path)[-1]
    if text in ("", says, title(says), last, last.replace("-", " ")) or text in re.split(r"[,\s/]+", says):
        return True
    if path.startswith("context-map"):
        return text == relation(says)
    if ".steps[" in path and text in ("pivot", "call"):
        return text in (last, says.split()[0])
    if "patterns" in path:
        return text in ("event-sourced", "event sourcing") and "event-sourcing" in says
    if WORDS.get((last, says)) == text:
        return True
    said, written = quantity(text), quantity(says)
    if said is not None and written is not None:
        per_minute = 60 if path.endswith("rate-limit") else 1
        return said == pytest.approx(written * per_minute)
    return belongs(example, path, text)


def belongs(example: Example, path: str, text: str) -> bool:
    """The title of the context or team in whose part of the specification the path leads, or that is named there."""
    for kind in ("contexts", "teams"):
        if path.startswith(f"{kind}."):
            return text == titles(example.spec, kind)[path.split(".")[1]]
    named = at(example.spec, path)
    return path.startswith("evolution") and text == titles(example.spec, "contexts")[named]


def relation(written: str) -> str:
    """`catalog [OHS, PL] -> order [ACL]` in words."""
    return re.sub(
        r"\[([^\]]*)\]", lambda found: f"({', '.join(ROLES[role.strip()] for role in found[1].split(','))})", written
    )


def test_defaults_are_those_of_the_requirements(example: Example) -> None:
    for leaf, source in example.sources("default"):
        wanted = DEFAULTS.get(general(source["path"]))
        assert source["says"] == wanted, (leaf["says"], source)
        assert written_above(example, source["path"]) is None, source
        words = {wanted, WORDS.get((source["path"].rsplit(".", 1)[-1], wanted)), "perimeter", ""}
        listed = {part.strip() for part in re.split(r"[{}\[\]:,]", wanted or "")}
        agree = source["text"] in words | listed or same(source["text"], wanted or "", source["path"])
        assert agree, (leaf["says"], source)


def same(text: str, wanted: str, path: str) -> bool:
    said, meant = quantity(text), quantity(wanted)
    if said is None or meant is None:
        return text == "id" and wanted.startswith("id,")
    return said == pytest.approx(meant * (60 if path.endswith("rate-limit") else 1))


def written_above(example: Example, path: str) -> Any:
    """What is written there, or a short form that stands for it."""
    found = at(example.spec, path)
    above = at(example.spec, path.rpartition(".")[0])
    return found if found is not None else above if isinstance(above, str) else None


def test_nothing_is_written_where_that_is_said(example: Example) -> None:
    found = [(leaf, s) for leaf in example.data for s in leaf["sources"] if s["kind"] == "not written"]
    for leaf, source in found:
        assert written_above(example, source["path"]) is None, source
        assert source["text"] in ("", ASIDE.get(general(source["path"]))), (leaf["says"], source)


def test_every_figure_is_recounted(example: Example) -> None:
    for leaf, source in example.sources("analysis"):
        recounted = example.recount.value(source["figure"], tuple(source["of"]))
        stated = source["value"]
        if isinstance(recounted, str):
            assert stated == recounted, (leaf["says"], source)
        else:
            digits = 5e-7 if "availability" in source["figure"] else 5e-3
            assert quantity(stated) == pytest.approx(float(recounted), rel=digits, abs=1e-9), (leaf["says"], source)
        assert source["text"] == stated or stated == "0", source


def test_generated_files_show_what_is_claimed(example: Example) -> None:
    for leaf, source in example.sources("file"):
        assert source["holds"].encode() in example.files[source["path"]], (leaf["says"], source)


def test_what_is_denied_is_in_no_generated_file(example: Example) -> None:
    for leaf, source in example.sources("not generated"):
        shown = [
            p
            for p, held in example.files.items()
            if fnmatchcase(p, source["where"]) and source["lacks"].encode() in held
        ]
        report = [path for path in shown if not path.startswith("docs/report/")]
        assert not report, (leaf["says"], source, report)
        assert "not generated" in source["text"], source


def test_every_leaf_has_a_source_or_what_is_below_it(example: Example) -> None:
    for leaf in example.leaves():
        assert leaf.facts or leaf.children, leaf.said


def test_numbers_and_names_stand_in_facts_only(example: Example) -> None:
    named = set(example.recount.owner) | set(example.recount.contexts) | set(example.recount.teams)
    for leaf in example.leaves():
        prose = " ".join(part for part in (*leaf.label, *leaf.text) if isinstance(part, str))
        assert not re.search(r"\d", NUMBERS_IN_WORDS.sub("", prose)), prose
        assert not named & set(re.findall(r"[A-Z][a-z]+[A-Z]\w+", prose)), prose


def test_the_file_beside_the_pages_says_the_same(example: Example) -> None:
    written = json.loads((example.folder / "docs/report/sources.json").read_text())["leaves"]
    assert written == leaves(example.report)
    page = (example.folder / "docs/report/architecture.md").read_text()
    assert all(leaf["says"] in page for leaf in written)
