"""The head of the report, and what a fleet under regulation promises."""

from __future__ import annotations

from fleetgen.analysis.budget import error_budget
from fleetgen.analysis.figures import duration, number, percent
from fleetgen.report.architecture.leaf import Leaf, Phrase, joined
from fleetgen.report.architecture.subject import Subject, counted

YEAR = 365 * 86400.0
FINANCIAL = frozenset({"pci-dss", "sox", "basel-iii", "psd2"})


def regulated(subject: Subject) -> bool:
    """Whether the whole fleet falls under a regime."""
    return bool(subject.fleet.compliance)


def header(subject: Subject) -> tuple[Leaf, ...]:
    """What the fleet is for and how big it is."""
    fleet, measured = subject.fleet, subject.measured
    teams = len(fleet.teams)
    size = number(sum(team.developers for team in fleet.teams) / teams if teams else 0)
    domain = subject.book.fact(
        fleet.domain, *(("domain",), ("fleet",)) if subject.book.has("domain") else (("fleet",),)
    )
    return (
        Leaf(("System Domain",), (domain,)),
        Leaf(("Service Count",), counted(subject, "services", measured.services, "service")),
        Leaf(("Complexity Tier",), (subject.figure("tier", str(measured.tier)),)),
        Leaf(
            ("Team Structure",),
            (
                *counted(subject, "teams", teams, "team"),
                ", ",
                subject.figure("average-team-size", size),
                " average team size",
            ),
        ),
    )


def promises(subject: Subject) -> tuple[Leaf, ...]:
    """Regimes, target and security model of a regulated fleet."""
    regimes = joined(regime(subject, name) for name in subject.fleet.compliance)
    trust = "zero-trust" if subject.fleet.zero_trust else "perimeter"
    model = subject.book.fact(trust.replace("-", " "), ("zero-trust",))
    return (
        Leaf(("Compliance Requirements",), regimes),
        Leaf(("Availability Target",), availability(subject)),
        Leaf(("Security Model",), subject.claim("mtls", model) if subject.fleet.zero_trust else (model,)),
    )


def regime(subject: Subject, name: str, *above: str) -> Phrase:
    """A regime with what is said of it: `soc-2 (type 2, monitoring continuous)`."""
    path = (*above, "compliance", name)
    details = subject.book.pairs(*path)
    return (subject.book.fact(name, path), *((" (", *details, ")") if details else ()))


def availability(subject: Subject) -> Phrase:
    """The fleet's target, and what it leaves in a year."""
    slo = subject.fleet.slo
    if slo is None or slo.availability is None:
        return (subject.book.fact("none is written", ("slo", "availability")),)
    target = subject.book.fact(percent(slo.availability), ("slo", "availability"))
    down = subject.figure("downtime-a-year", duration(error_budget(slo.availability, YEAR)))
    return (target, " (", down, " of downtime a year)")
