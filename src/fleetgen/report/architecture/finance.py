"""FD: the contexts of a regulated fleet under the regimes' questions."""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.figures import duration
from fleetgen.model.fleet import Context
from fleetgen.report.architecture.boundaries import service_load, target_fact
from fleetgen.report.architecture.header import FINANCIAL, regime
from fleetgen.report.architecture.leaf import Chapter, Leaf, Phrase, Section, joined
from fleetgen.report.architecture.services import consistency_of, stack_of, team_of
from fleetgen.report.architecture.subject import Subject


def regulated_domains(subject: Subject) -> Chapter:
    """One section a managed context."""
    managed = [context for context in subject.fleet.contexts if context.managed]
    sections = (_section(subject, place, context) for place, context in enumerate(managed, start=1))
    what = "FINANCIAL" if FINANCIAL & set(subject.fleet.compliance) else "REGULATED"
    return Chapter(f"{what} DOMAIN DECOMPOSITION", tuple(sections))


def _section(subject: Subject, place: int, context: Context) -> Section:
    core = (" (Core)",) if context.subdomain == "core" else ()
    return Section(f"FD-{place:02}", (subject.context(context), " Service", *core), tuple(_leaves(subject, context)))


def _leaves(subject: Subject, context: Context) -> Iterator[Leaf]:
    at = ("contexts", context.name)
    purpose = subject.book.fact(context.purpose or "no purpose is written", (*at, "purpose"))
    yield Leaf(("Bounded Context",), (purpose,))
    technology = joined((stack_of(subject, service) for service in context.services), "; ")
    for label, text in (
        ("Compliance", _compliance(subject, context)),
        ("Technology", joined((technology, _libraries(subject, context)), "; ")),
        ("Availability", _availability(subject, context)),
        ("Audit Trail", _audit(subject, context)),
        ("Consistency", consistency_of(subject, context)),
        ("Performance", _performance(subject, context)),
        ("ML Integration", _models(subject, context)),
        ("Screening", _screening(subject, context)),
        ("Data Privacy", _privacy(subject, context)),
        ("Team", team_of(subject, context)),
    ):
        if text:
            yield Leaf((label,), text)


def _compliance(subject: Subject, context: Context) -> Phrase:
    at = ("contexts", context.name)
    own = joined(regime(subject, name, *at) for name in context.compliance)
    regimes = own or (subject.book.fact("the fleet's regimes", ("compliance",)),)
    sealed: Phrase = ()
    if context.extra.get("encryption"):
        sealed = subject.claim("encryption", "encryption ", subject.book.word(*at, "encryption"))
    return joined((regimes, sealed, _reports(subject, context)), "; ")


def _reports(subject: Subject, context: Context) -> Phrase:
    at = ("contexts", context.name, "reports")
    found = joined(
        (
            subject.book.fact(name, (*at, name)),
            " for ",
            subject.book.word(*at, name, "regime"),
            " every ",
            subject.book.word(*at, name, "every"),
            " within ",
            subject.book.word(*at, name, "due"),
        )
        for name in context.extra.get("reports", {})
    )
    return subject.claim("reports", "reports ", *found) if found else ()


def _libraries(subject: Subject, context: Context) -> Phrase:
    at = ("contexts", context.name, "libraries")
    named = joined(subject.book.fact(library, (*at, library)) for library in context.extra.get("libraries", ()))
    return subject.claim("libraries", "with ", *named) if named else ()


def _availability(subject: Subject, context: Context) -> Phrase:
    targets = joined(dict.fromkeys(target_fact(subject, service) for service in context.services))
    at = ("contexts", context.name, "regions")
    if context.regions < 2 and not context.active_active:
        return targets
    mode = subject.book.fact("active-active" if context.active_active else "active-passive", (*at, "mode"))
    count = subject.book.fact(str(context.regions), (*at, "count"))
    return joined((targets, subject.claim("regions", mode, " in ", count, " regions")), "; ")


def _audit(subject: Subject, context: Context) -> Phrase:
    if not context.audit:
        return ()
    return subject.claim("audit-trail", subject.book.fact(context.audit, ("contexts", context.name, "audit")))


def _performance(subject: Subject, context: Context) -> Phrase:
    loads = [service_load(subject, service) for service in context.services]
    times = [
        ("P95 within ", subject.of(service, duration(service.slo.p95), "slo", "p95"))
        for service in context.services
        if service.slo and service.slo.p95 is not None
    ]
    return joined((*loads, *times))


def _models(subject: Subject, context: Context) -> Phrase:
    at = ("contexts", context.name, "models")
    found = []
    for name in context.extra.get("models", {}):
        versions = subject.book.pairs(*at, name, "versions")
        named = subject.book.fact(name, (*at, name))
        asked_by = subject.book.word(*at, name, "scores")
        found.append((named, " for ", asked_by, *((" in versions ", *versions) if versions else ())))
    return subject.claim("ml-models", *joined(found)) if found else ()


def _screening(subject: Subject, context: Context) -> Phrase:
    if not context.extra.get("screening"):
        return ()
    at = ("contexts", context.name, "screening")
    lists, before = subject.book.word(*at, "lists"), subject.book.word(*at, "before")
    return subject.claim("screening", lists, " before ", before)


def _privacy(subject: Subject, context: Context) -> Phrase:
    at = ("contexts", context.name, "privacy")
    wanted = context.extra.get("privacy") or {}
    found: list[Phrase] = []
    if wanted.get("pseudonymize"):
        found.append(subject.claim("pseudonyms", "pseudonyms for ", subject.book.word(*at, "pseudonymize")))
    if wanted.get("retention"):
        found.append(subject.claim("pseudonyms", "kept for ", subject.book.word(*at, "retention")))
    for aggregate in context.aggregates:
        for kind in dict.fromkeys(field.sensitive for field in aggregate.fields if field.sensitive):
            named = subject.book.word(*subject.path(aggregate.name), "sensitive", kind)
            found.append(
                subject.claim("redaction", named, " of ", subject.name(aggregate.name), " redacted in logs and traces")
            )
    return joined(found)
