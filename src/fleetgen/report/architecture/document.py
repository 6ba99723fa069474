"""The report's pages: files that belong to fleetgen, written anew whenever the specification changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fleetgen.analysis.waivers import Acceptance
from fleetgen.core.diagnostic import Diagnostic
from fleetgen.model.fleet import Fleet
from fleetgen.report.architecture.book import Book
from fleetgen.report.architecture.canvas import aggregate_canvases, context_canvases
from fleetgen.report.architecture.catalogue import event_catalogue
from fleetgen.report.architecture.diagrams import context_map, saga_sequences
from fleetgen.report.architecture.findings import findings_page
from fleetgen.report.architecture.made import Made
from fleetgen.report.architecture.markdown import page, plain
from fleetgen.report.architecture.sources import sources_json
from fleetgen.report.architecture.subject import Subject
from fleetgen.report.architecture.trees import Report, trees
from fleetgen.spec.node import Document

_ABOUT = """Every leaf is borne out by the specification, by a figure of the analysis or by a generated file;
`sources.json` beside this page names it. What the specification asks for and no generated file shows is said to be *not
generated*. A default is what the specification means where it says nothing."""


def subject_of(fleet: Fleet, document: Document, files: Mapping[str, bytes]) -> Subject:
    """A fleet as reports see it; `files` are the generated ones that may bear something out."""
    return Subject(fleet, Book(document), Made(files))


def architecture_report(
    subject: Subject, found: Sequence[Diagnostic], accepted: Sequence[Acceptance] = ()
) -> dict[str, str]:
    """The pages by their path in the report's folder; `found` is what lint says, `accepted` what it no longer says."""
    report = trees(subject)
    return {
        "architecture.md": _architecture(subject.fleet, report),
        "context-map.md": context_map(subject),
        "sagas.md": saga_sequences(subject),
        "events.md": event_catalogue(subject),
        "context-canvases.md": context_canvases(subject),
        "aggregate-canvases.md": aggregate_canvases(subject),
        "findings.md": findings_page(subject, found, accepted),
        "sources.json": sources_json(report),
    }


def _architecture(fleet: Fleet, report: Report) -> str:
    vision = plain(fleet.vision)
    return page(f"Architecture of {plain(fleet.name)}", vision, _ABOUT, f"```text\n{report.text()}\n```")
