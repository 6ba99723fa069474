"""The keys of `platform`: what all services share. The defaults are the figures fleetgen recommends."""

from __future__ import annotations

from fleetgen.spec.shape import Anything, Entry, Flag, ListOf, MapOf, Name, Quantity, Record, Shape, Text, Whole, Word
from fleetgen.spec.table.context import KEBAB


def _record(title: str, about: str, *entries: Entry, short: str = "", example: str = "") -> Entry:
    shape = next((entry.shape for entry in entries if entry.key == short), None)
    return Entry(title, Record(title, entries, short=shape, stands_for=short), about, example=example)


def _kind(default: str, *more: str, about: str) -> Entry:
    return Entry(
        "kind", Word((default, *more), open=True), about, default=default, example=more[0] if more else default
    )


def _time(key: str, about: str, default: str) -> Entry:
    return Entry(key, Quantity("duration"), about, default=default, example=default)


def _count(key: str, about: str, default: str, least: int = 1, most: int | None = 1_000_000) -> Entry:
    return Entry(key, Whole(least, most), about, default=default, example=default)


def _word(key: str, about: str, default: str, *more: str, open_: bool = True) -> Entry:
    return Entry(key, Word((default, *more), open=open_), about, default=default, example=more[0] if more else default)


def _free(key: str, shape: Shape, about: str, example: str) -> Entry:
    return Entry(key, shape, about, example=example)


_BACKOFF = _word("backoff", "How the waiting time grows", "exponential", "linear", "constant", open_=False)

PLATFORM = Record(
    "platform",
    (
        _record(
            "gateway",
            "The way in from outside",
            _kind("kong", "istio", "none", about="The gateway's product"),
            Entry(
                "rate-limit",
                Quantity("rate"),
                "Requests a user may make",
                default="1000/min/user",
                example="600/min/user",
            ),
            short="kind",
            example="{kind: kong, rate-limit: 1000/min/user}",
        ),
        _record(
            "discovery",
            "How services find each other",
            _kind("consul", "eureka", "kubernetes", about="The registry's product"),
            _time("health-check", "Time between health checks", "30s"),
            short="kind",
            example="{kind: consul, health-check: 30s}",
        ),
        _record(
            "circuit-breaker",
            "When calls to a failing service stop, and for how long",
            _count("failures", "Failures in a row that open it", "5"),
            _time("open", "Time until it lets a call through", "30s"),
            _BACKOFF,
            example="{failures: 5, open: 30s}",
        ),
        _record(
            "timeouts",
            "How long a call may take",
            _time("internal", "To another service of the fleet", "5s"),
            _time("external", "To a system outside", "30s"),
            example="{internal: 5s, external: 30s}",
        ),
        _record(
            "retries",
            "How a failed call is repeated",
            _count("attempts", "Calls in all", "3", 1, 100),
            _BACKOFF,
            Entry("jitter", Flag(), "Whether waiting times vary", default="true", example="true"),
            example="{attempts: 3, backoff: exponential}",
        ),
        _record(
            "bulkhead",
            "How many calls to one peer may be under way",
            _count("concurrent", "At the same time", "32"),
            _count("queued", "Waiting for a place", "64", 0),
            example="{concurrent: 32, queued: 64}",
        ),
        _record(
            "auth",
            "Who is who",
            _word("users", "How people prove who they are", "oauth2-jwt"),
            _word("services", "How services do", "mtls", "jwt"),
            example="{users: oauth2-jwt, services: mtls}",
        ),
        _record(
            "telemetry",
            "What can be seen of the running fleet",
            _word("traces", "Where traces go", "jaeger", "tempo", "otlp"),
            Entry("sampling", Quantity("share"), "The share of traces that are kept", default="1%", example="100%"),
            _word("metrics", "Where metrics go", "prometheus", "otlp"),
            _word("logs", "Where logs go", "loki", "elasticsearch"),
            _free("correlate", Name("camel", "field"), "A business id that all traces and logs carry", "transactionId"),
            _free("redact", ListOf(KEBAB), "Classes of sensitive data that never reach a log or trace", "[pii, pan]"),
            example="{traces: jaeger, sampling: 100%}",
        ),
        _record(
            "events",
            "The event bus",
            _word("bus", "Its product", "kafka"),
            _count("replicas", "Copies of each record", "3", 1, 9),
            _count("partitions", "Partitions of each topic", "12", 1, 10_000),
            _time("retention", "How long records are kept", "7d"),
            Entry("format", Word(("avro", "protobuf")), "How events are written", default="avro", example="protobuf"),
            _word("registry", "The schema registry's product", "confluent", "apicurio"),
            Entry(
                "compatibility",
                Word(
                    (
                        "backward",
                        "backward-transitive",
                        "forward",
                        "forward-transitive",
                        "full",
                        "full-transitive",
                        "none",
                    )
                ),
                "What a new version of an event must be able to read",
                default="backward-transitive",
                example="full-transitive",
            ),
            example="{bus: kafka, replicas: 3, retention: 7d}",
        ),
        _record(
            "dead-letters",
            "What happens to a record that cannot be handled",
            _count("attempts", "Attempts before it is put aside", "8", 1, 1000),
            _time("retention", "How long it is kept", "30d"),
            _word("then", "Its key is held until an operator decides, or goes on without it", "hold", "advance"),
            example="{attempts: 8, retention: 30d, then: hold}",
        ),
        _record(
            "delivery",
            "How new versions reach production",
            _word("gitops", "The tool that applies them", "argo-cd", "flux"),
            Entry(
                "strategy",
                Word(("rolling", "canary", "blue-green", "recreate")),
                "How traffic moves to a new version",
                default="rolling",
                example="canary",
            ),
            _free("start", Quantity("share"), "The first share of traffic of a canary", "5%"),
            _free("rollback", Word(("auto", "manual")), "Who takes a bad version back", "auto"),
            example="{gitops: argo-cd, strategy: canary, start: 5%, rollback: auto}",
        ),
        _record(
            "mesh",
            "The service mesh",
            _kind("istio", "linkerd", "none", about="Its product"),
            _free("mtls", Word(("strict", "permissive")), "Whether plain connections are refused", "strict"),
            _free("rotate-certificates", Quantity("duration"), "How often certificates change", "24h"),
            _free("rbac", Flag(), "Whether callers are listed per service", "true"),
            _free(
                "dmz",
                Record(
                    "dmz",
                    (
                        Entry(
                            "ingress",
                            ListOf(Name("kebab", "service")),
                            "Services that may be reached from outside",
                            example="[account]",
                        ),
                        Entry(
                            "egress",
                            ListOf(Name("kebab", "external")),
                            "Externals that may be reached",
                            example="[watch-lists]",
                        ),
                    ),
                ),
                "What may cross the border",
                "{ingress: [account]}",
            ),
            short="kind",
            example="{kind: istio, mtls: strict}",
        ),
        _free("identity", Word(("spiffe",), open=True), "Where services get their identity", "spiffe"),
        _free("authorization", Word(("opa",), open=True), "What decides who may do what", "opa"),
        _free("network-policy", Word(("calico", "kubernetes"), open=True), "What closes the network", "calico"),
        _record(
            "secrets",
            "Where secrets are kept",
            _kind("vault", "kubernetes", about="The product"),
            _free("rotate", Word(("auto", "manual")), "How they are changed", "auto"),
            short="kind",
            example="{kind: vault, rotate: auto}",
        ),
        _record(
            "audit",
            "The record of calls between services",
            _free("calls", Word(("all", "commands", "none")), "Which are recorded", "all"),
            _free("encrypted", Flag(), "Whether the record is encrypted", "true"),
            _free("retention", Quantity("duration"), "How long it is kept", "7y"),
            example="{calls: all, encrypted: true, retention: 7y}",
        ),
        _free(
            "alerts",
            MapOf(KEBAB, Word(("real-time", "daily"))),
            "How fast which alerts arrive",
            "{compliance: real-time}",
        ),
        _free(
            "extensions",
            MapOf(Text("name"), Anything()),
            "Keys that only your own templates read",
            "{cdn: {provider: own}}",
        ),
    ),
)
