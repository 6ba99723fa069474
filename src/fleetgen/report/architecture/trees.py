"""The whole report as chapters, in the order of its form."""

from __future__ import annotations

from dataclasses import dataclass

from fleetgen.report.architecture.boundaries import service_boundaries
from fleetgen.report.architecture.calls import call_patterns, synchronous
from fleetgen.report.architecture.domain import bounded_contexts
from fleetgen.report.architecture.finance import regulated_domains
from fleetgen.report.architecture.header import header, promises, regulated
from fleetgen.report.architecture.leaf import Chapter, Leaf
from fleetgen.report.architecture.mesh import mesh
from fleetgen.report.architecture.messaging import asynchronous, event_patterns
from fleetgen.report.architecture.sagas import data_consistency
from fleetgen.report.architecture.services import service_design
from fleetgen.report.architecture.storming import event_storming
from fleetgen.report.architecture.subject import Subject
from fleetgen.report.architecture.tree import chapter
from fleetgen.report.architecture.watch import observability

TITLE = "MICROSERVICES ARCHITECTURE ANALYSIS"


@dataclass(frozen=True)
class Report:
    """The head and the chapters."""

    head: tuple[Leaf, ...]
    promises: tuple[Leaf, ...]
    chapters: tuple[Chapter, ...]

    def text(self) -> str:
        """The form as text."""
        parts = [_headed(TITLE, self.head)]
        if self.promises:
            parts.append(_headed("REGULATORY COMPLIANCE ARCHITECTURE", self.promises))
        return "\n\n".join((*parts, *(chapter(each) for each in self.chapters)))


def trees(subject: Subject) -> Report:
    """All that there is to say of the fleet."""
    chapters = [
        Chapter("DOMAIN DECOMPOSITION", (bounded_contexts(subject), service_boundaries(subject))),
        Chapter("COMMUNICATION ARCHITECTURE", (synchronous(subject), asynchronous(subject))),
        event_storming(subject),
        service_design(subject),
        Chapter("COMMUNICATION PATTERNS IMPLEMENTATION", (call_patterns(subject), event_patterns(subject))),
        data_consistency(subject),
    ]
    under = regulated(subject)
    if under:
        meshed = mesh(subject)
        chapters += [regulated_domains(subject), *([meshed] if meshed else []), observability(subject)]
    return Report(header(subject), promises(subject) if under else (), tuple(chapters))


def _headed(title: str, leaves: tuple[Leaf, ...]) -> str:
    return "\n".join((title, "=" * len(title), *(leaf.said for leaf in leaves)))
