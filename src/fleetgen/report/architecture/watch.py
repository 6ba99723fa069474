"""OC: what is traced, measured and promised of a regulated fleet."""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.budget import error_budget
from fleetgen.analysis.figures import duration, percent
from fleetgen.report.architecture.header import availability
from fleetgen.report.architecture.leaf import Chapter, Leaf, Phrase, Section, joined
from fleetgen.report.architecture.subject import Subject


def observability(subject: Subject) -> Chapter:
    """The chapter."""
    return Chapter(
        "OBSERVABILITY & COMPLIANCE MONITORING",
        (
            Section("OC-01", "Distributed Tracing", tuple(_tracing(subject))),
            Section("OC-02", "Business Metrics & SLI/SLO", tuple(_metrics(subject))),
        ),
    )


def _tracing(subject: Subject) -> Iterator[Leaf]:
    book, platform = subject.book, subject.fleet.platform
    sampled = subject.platform(percent(platform.sampling), "telemetry", "sampling")
    yield Leaf(("OpenTelemetry",), subject.claim("tracing", sampled, " of traces kept"))
    if platform.correlate:
        named = subject.platform(platform.correlate, "telemetry", "correlate")
        yield Leaf(("Trace Correlation",), subject.claim("correlation", named, " on all traces and logs"))
    reports = [
        book.fact(name, ("contexts", context.name, "reports", name))
        for context in subject.fleet.contexts
        for name in context.extra.get("reports", {})
    ]
    if reports:
        yield Leaf(("Compliance Reporting",), subject.claim("reports", *joined(reports)))
    if book.has("platform", "audit", "retention"):
        kept = book.word("platform", "audit", "retention")
        yield Leaf(("Data Retention",), subject.claim("call-audit", "the record of calls for ", kept))
    if platform.redact:
        named = book.word("platform", "telemetry", "redact")
        yield Leaf(("Privacy Controls",), subject.claim("redaction", named, " redacted in logs and traces"))
    if book.has("platform", "alerts"):
        alerts = book.pairs("platform", "alerts")
        yield Leaf(("Alerting",), subject.claim("compliance-alerts", *alerts))


def _metrics(subject: Subject) -> Iterator[Leaf]:
    slo = subject.fleet.slo
    yield Leaf(("Availability SLO",), (*availability(subject), *_measured(subject)))
    times = joined(_latency(subject))
    if times:
        yield Leaf(("Latency SLO",), times)
    if slo is not None and slo.availability is not None:
        budget = duration(error_budget(slo.availability, slo.window))
        window = subject.book.fact(duration(slo.window), ("slo", "window"))
        yield Leaf(("Error Budget",), (subject.figure("error-budget", budget), " in ", window))
    yield from _key_figures(subject)
    if slo is not None and slo.mttr is not None:
        repaired = subject.book.fact(duration(slo.mttr), ("slo", "mttr"))
        yield Leaf(("Incident Response",), subject.claim("runbooks", "repaired within ", repaired))


def _measured(subject: Subject) -> Phrase:
    if not subject.book.has("slo", "measured-by"):
        return ()
    return subject.claim("synthetic", ", measured by ", subject.book.word("slo", "measured-by"))


def _latency(subject: Subject) -> Iterator[Phrase]:
    for service in subject.fleet.services:
        if service.slo and service.slo.p95 is not None:
            yield (
                subject.service(service),
                " P95 within ",
                subject.of(service, duration(service.slo.p95), "slo", "p95"),
            )


def _key_figures(subject: Subject) -> Iterator[Leaf]:
    at = ("kpis", "business")
    shares = [
        (
            subject.book.fact(name, (*at, name)),
            ": ",
            subject.book.word(*at, name, "good"),
            " of ",
            subject.book.word(*at, name, "of"),
        )
        for name in subject.fleet.extra.get("kpis", {}).get("business", {})
    ]
    if shares:
        yield Leaf(("Business KPIs",), subject.claim("kpis", *joined(shares)))
    at = ("kpis", "compliance")
    targets = [
        (subject.book.fact(name, (*at, name)), " ", subject.book.word(*at, name, "target"))
        for name in subject.fleet.extra.get("kpis", {}).get("compliance", {})
    ]
    if targets:
        yield Leaf(("Compliance Metrics",), subject.claim("kpis", *joined(targets)))
