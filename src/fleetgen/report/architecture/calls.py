"""CA-01 and CP-01: how services are called, and what happens when a call fails."""

from __future__ import annotations

from fleetgen.analysis.figures import duration, percent
from fleetgen.model.fleet import Service
from fleetgen.report.architecture.leaf import Leaf, Phrase, Section, joined
from fleetgen.report.architecture.subject import Subject, each


def synchronous(subject: Subject) -> Section:
    """CA-01: what there is for whom."""
    outward = each(subject.fleet.services, lambda service: _outward(subject, service), subject.service)
    names = subject.claim("service-names", "server-side, over the names of Kubernetes services")
    deadline = subject.claim("deadlines", ", the caller's deadline goes along")
    return Section(
        "CA-01",
        "Synchronous Communication",
        (
            Leaf(("API Gateway",), _gateway(subject), tuple(outward)),
            Leaf(("Service Discovery",), _discovery(subject)),
            Leaf(("Load Balancing",), names),
            Leaf(("Timeout Management",), (*_inside(subject), *deadline)),
            Leaf(("Retry Policies",), _retries(subject)),
            Leaf(("Monitoring",), monitoring(subject)),
        ),
    )


def _retries(subject: Subject) -> Phrase:
    word = subject.book.word
    attempts = word("platform", "retries", "attempts")
    backoff = word("platform", "retries", "backoff")
    return subject.claim("retries", attempts, " attempts, ", backoff, " backoff", *_jitter(subject))


def call_patterns(subject: Subject) -> Section:
    """CP-01: the figures."""
    return Section(
        "CP-01",
        "Synchronous Communication",
        (
            Leaf(("API Gateway",), _gateway(subject)),
            Leaf(("Service Discovery",), _discovery(subject)),
            Leaf(("Circuit Breaker",), breaker(subject)),
            Leaf(("Timeout Configuration",), joined((_inside(subject), _external(subject)))),
            Leaf(("Authentication",), _authentication(subject)),
            Leaf(("Monitoring",), monitoring(subject)),
        ),
    )


def _gateway(subject: Subject) -> Phrase:
    platform = subject.fleet.platform
    kind = subject.platform(platform.gateway, "gateway", "kind")
    rate = subject.platform(str(platform.rate_limit_per_minute), "gateway", "rate-limit")
    limit = subject.claim("rate-limit", "each service takes ", rate, " requests a minute of a user")
    if platform.gateway == "none":
        return (kind, "; ", *limit)
    return (*subject.claim("gateway", kind), "; ", *limit)


def _outward(subject: Subject, service: Service) -> Phrase:
    """What may be called from outside."""
    outward: list[str] = []
    for aggregate in service.aggregates:
        outward += [command.name for command in aggregate.commands if command.exposure != "internal"]
        outward += [query.name for query in aggregate.queries if query.exposure != "internal"]
    return (subject.of(service, "", "exposure"), *subject.names(outward)) if outward else ()


def _discovery(subject: Subject) -> Phrase:
    platform = subject.fleet.platform
    kind = subject.platform(platform.discovery, "discovery", "kind")
    every = subject.platform(duration(platform.health_check), "discovery", "health-check")
    known = f"discovery-{platform.discovery}"
    wanted = known if known in ("discovery-consul", "discovery-eureka") else "service-names"
    return (
        *subject.claim(wanted, kind, " with health checks every ", every),
        *subject.claim("probes", "; charts have probes of start, readiness and life"),
    )


def _jitter(subject: Subject) -> Phrase:
    """`jitter: false` is possible."""
    written = subject.book.word("platform", "retries", "jitter")
    text = "with jitter" if written.text.lower() == "true" else "without jitter"
    return (" ", subject.platform(text, "retries", "jitter"))


def _inside(subject: Subject) -> Phrase:
    limit = subject.platform(duration(subject.fleet.platform.timeout_internal), "timeouts", "internal")
    return subject.claim("timeout-internal", limit, " for calls inside")


def _external(subject: Subject) -> Phrase:
    limit = subject.platform(duration(subject.fleet.platform.timeout_external), "timeouts", "external")
    return subject.claim("timeout-external", limit, " for systems outside")


def breaker(subject: Subject) -> Phrase:
    """Threshold, time and growth."""
    platform = subject.fleet.platform
    return subject.claim(
        "circuit-breaker",
        "opens after ",
        subject.platform(str(platform.breaker_failures), "circuit-breaker", "failures"),
        " failures for ",
        subject.platform(duration(platform.breaker_open), "circuit-breaker", "open"),
        ", ",
        subject.book.word("platform", "circuit-breaker", "backoff"),
        " backoff",
    )


def _authentication(subject: Subject) -> Phrase:
    platform = subject.fleet.platform
    users = subject.platform(platform.auth_users, "auth", "users")
    services = subject.platform(platform.auth_services, "auth", "services")
    between = "mtls" if platform.auth_services == "mtls" else "tokens"
    return joined((
        subject.claim("tokens", users, " for people"),
        subject.claim("tokens", "tokens of their own for services"),
        subject.claim(between, services, " between services"),
    ))  # fmt: skip


def monitoring(subject: Subject) -> Phrase:
    """Traces, and how many of them."""
    platform = subject.fleet.platform
    traces = subject.platform(platform.traces, "telemetry", "traces")
    share = subject.platform(percent(platform.sampling), "telemetry", "sampling")
    own = [
        (share_of, " in ", subject.service(service))
        for service in subject.fleet.services
        if service.tracing_sampling != platform.sampling
        for share_of in (subject.of(service, percent(service.tracing_sampling), "tracing", "sampling"),)
    ]
    sampled = subject.claim("tracing", share, " of traces kept")
    return joined((subject.claim("otlp", "OpenTelemetry traces to ", traces), sampled, *own))
