"""The documentation site of a fleet builds strictly, opens without a network, and Mermaid reads every diagram."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from fleetgen.runtime.lab import once

from .conftest import FLEETGEN, run

HERE = Path(__file__).parent
DIAGRAMS = HERE / "diagrams"
Fleet = Callable[[str], Path]

HOSTILE = """\
fleet: end
domain: "end --> <b> | ; %%"
teams: {end: 6}
contexts:
  end:
    title: end
    team: end
    aggregates:
      End:
        fields: {size: int}
        commands: {BeginEnd: EndBegun, StartEnd: {emits: EndStarted, creates: true}, DropEnd: EndDropped}
  loop:
    title: 'as "x"; end %% --> ]:::y #1 `z` 数'
    team: end
    aggregates: {Loop: {fields: {size: int}, commands: {RunLoop: {emits: LoopRun, or: {LoopRefused: size > 9}}}}}
externals: {graph: {purpose: 'a "b" <c>', used-by: [end]}}
context-map: ["end [S] -> loop [C]"]
sagas:
  rest: {steps: [BeginEnd / DropEnd, pivot RunLoop]}
  note: {mode: choreography, steps: [StartEnd / DropEnd, pivot RunLoop]}
"""


def mermaid() -> Path:
    """The real Mermaid, installed once and kept."""

    def install(folder: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(DIAGRAMS / name, folder)
        run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder)

    return once("mermaid-12.3.0-jsdom-26.1.0", install)


def read_by_mermaid(pages: Iterable[Path]) -> list[dict[str, str]]:
    """What Mermaid takes each diagram of the pages for, or what it says against it."""
    printed = run(["node", str(DIAGRAMS / "parse.mjs"), str(mermaid()), *map(str, pages)])
    return [json.loads(line) for line in printed.splitlines()]


@pytest.mark.parametrize("sample", ["ecommerce", "banking"])
def test_the_site_builds_strictly_and_needs_no_network(sample: str, fleet_of: Fleet) -> None:
    fleet = fleet_of(sample)
    run(["make", "docs"], cwd=fleet)
    reports = {path.stem for path in (fleet / "docs" / "report").glob("*.md")}
    assert {path.stem for path in (fleet / "site" / "report").glob("*.html")} == reports
    assert (fleet / "site" / "assets" / "mermaid.tiny.js").stat().st_size > 1_000_000
    loaded = r"""<(?:script|link|img)[^>]+(?:src|href)=["'](?:https?:)?//"""
    for page in sorted((fleet / "site").rglob("*.html")):
        assert not re.findall(loaded, page.read_text()), page


@pytest.mark.parametrize("sample", ["starter", "ecommerce", "banking"])
def test_mermaid_reads_every_diagram(sample: str, fleet_of: Fleet) -> None:
    pages = sorted((fleet_of(sample) / "docs" / "report").glob("*.md"))
    drawn = sum(page.read_text().count("```mermaid") for page in pages)
    read = read_by_mermaid(pages)
    assert [found for found in read if "error" in found] == []
    assert drawn == len(read)
    assert {found["type"] for found in read} == {"flowchart-v2", "sequence"}


def test_mermaid_reads_diagrams_of_hostile_names(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(HOSTILE)
    run([*FLEETGEN, "report", str(tmp_path), "--output", str(tmp_path / "report")])
    read = read_by_mermaid(sorted((tmp_path / "report").glob("*.md")))
    assert [found["type"] for found in read if "error" not in found] == ["flowchart-v2", "sequence", "sequence"]


def test_a_diagram_with_a_name_as_its_id_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```mermaid\nflowchart LR\n  end --> order\n```\n")
    (found,) = read_by_mermaid([page])
    assert "error" in found
