"""SM: the service mesh and zero trust, as far as the specification asks for them."""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.figures import percent
from fleetgen.report.architecture.calls import breaker
from fleetgen.report.architecture.leaf import Chapter, Leaf, Phrase, Section, joined
from fleetgen.report.architecture.subject import Subject


def mesh(subject: Subject) -> Chapter | None:
    """The chapter, or None where neither is asked for."""
    sections = (
        Section("SM-01", (*_kind(subject), "Configuration"), tuple(_mesh(subject))),
        Section("SM-02", "Zero Trust Networking", tuple(_trust(subject))),
    )
    found = tuple(section for section in sections if section.leaves)
    return Chapter("SERVICE MESH IMPLEMENTATION", found) if found else None


def _kind(subject: Subject) -> Phrase:
    word = subject.book.word("platform", "mesh", "kind")
    return (subject.platform(word.text.capitalize(), "mesh", "kind"), " ")


def _mesh(subject: Subject) -> Iterator[Leaf]:
    at = ("platform", "mesh")
    if not subject.book.has(*at):
        return
    if subject.book.has(*at, "mtls"):
        mode = subject.book.word(*at, "mtls")
        rotated: Phrase = ()
        if subject.book.has(*at, "rotate-certificates"):
            every = subject.book.word(*at, "rotate-certificates")
            rotated = subject.claim("rotation", "certificates rotated every ", every)
        yield Leaf(("mTLS",), joined((subject.claim("mtls", mode), rotated)))
    yield Leaf(("Traffic Policy",), joined((breaker(subject), subject.claim("mesh-traffic", "in the mesh"))))
    if subject.book.has(*at, "rbac"):
        allowed = subject.book.word(*at, "rbac")
        yield Leaf(("Security Policy",), subject.claim("mesh-rbac", "callers listed per service: ", allowed))
    sampled = subject.platform(percent(subject.fleet.platform.sampling), "telemetry", "sampling")
    yield Leaf(("Observability",), subject.claim("tracing", sampled, " of traces kept"))
    yield from _delivery(subject)
    crossing = _dmz(subject)
    if crossing:
        yield Leaf(("Network Segmentation",), crossing)


def _delivery(subject: Subject) -> Iterator[Leaf]:
    at = ("platform", "delivery")
    strategy = subject.fleet.platform.strategy
    if strategy == "rolling":
        yield Leaf(("Deployment",), subject.claim("helm", subject.platform(strategy, "delivery", "strategy")))
        return
    found = [("", subject.platform(strategy, "delivery", "strategy"))]
    if subject.book.has(*at, "start"):
        found.append(("of the traffic at first: ", subject.book.word(*at, "start")))
    if subject.book.has(*at, "rollback"):
        found.append(("rollback ", subject.book.word(*at, "rollback")))
    yield Leaf((f"{strategy.replace('-', ' ').title()} Deployment",), subject.claim("canary", *joined(found)))


def _dmz(subject: Subject) -> Phrase:
    at = ("platform", "mesh", "dmz")
    sides = subject.book.pairs(*at)
    return subject.claim("dmz", "border of ", *sides) if sides else ()


def _trust(subject: Subject) -> Iterator[Leaf]:
    book = subject.book
    for label, key, capability in (
        ("Service Authentication", "identity", "identity"),
        ("Authorization", "authorization", "authorization"),
        ("Network Policies", "network-policy", "network-policy"),
    ):
        if book.has("platform", key):
            yield Leaf((label,), subject.claim(capability, book.word("platform", key)))
    for label, key, capability in (
        ("Secret Management", "secrets", "secrets"),
        ("Audit Logging", "audit", "call-audit"),
    ):
        if book.has("platform", key):
            yield Leaf((label,), subject.claim(capability, *_details(subject, key)))
    if "soc-2" in subject.fleet.compliance:
        controls = book.pairs("compliance", "soc-2")
        named = book.fact("soc-2", ("compliance", "soc-2"))
        yield Leaf(("Compliance",), subject.claim("controls", named, *((" ", *controls) if controls else ())))


def _details(subject: Subject, key: str) -> Phrase:
    """`kind vault, rotate auto`, or the kind alone."""
    book = subject.book
    kind = (book.word("platform", key),) if not book.items("platform", key) else ()
    return kind or book.pairs("platform", key)
