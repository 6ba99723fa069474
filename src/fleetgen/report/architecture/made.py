"""What is generated: each capability is claimed for a file that shows it, and denied where no file does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

from fleetgen.report.architecture.leaf import Fact, Generated, Missing, Written

_CHASSIS = "libs/chassis-*/src/*"
_CHARTS = "deploy/*"

# What is looked for, and where: a text that only the working thing holds, not a comment about it.
SHOWN: Mapping[str, tuple[str, str]] = {
    "gateway": (_CHARTS, "_format_version:"),
    "rate-limit": (_CHASSIS, "limits.rate_limit_per_minute"),
    "discovery-consul": (_CHARTS, "hashicorp/consul"),
    "discovery-eureka": (_CHARTS, "eureka.client"),
    "probes": ("deploy/helm/*/templates/deployment.yaml", "readinessProbe:"),
    "service-names": ("deploy/helm/*/templates/service.yaml", "kind: Service"),
    "circuit-breaker": (_CHASSIS, "limits.breaker_failures"),
    "timeout-internal": (_CHASSIS, "limits.timeout_internal"),
    "timeout-external": (_CHASSIS, "class External"),
    "deadlines": (_CHASSIS, "DEADLINE: str("),
    "retries": (_CHASSIS, "limits.retry_attempts"),
    "bulkhead": (_CHASSIS, "limits.bulkhead_concurrent"),
    "load-shedding": (_CHASSIS, "limits.bulkhead_queued"),
    "tokens": (_CHASSIS, "RS256"),
    "mtls": (_CHARTS, "kind: PeerAuthentication"),
    "tracing": (_CHASSIS, "definition.sampling"),
    "otlp": (_CHASSIS, "OTEL_EXPORTER_OTLP_ENDPOINT"),
    "topics": (_CHASSIS, "t.partitions, t.replicas, t.retention"),
    "registry": (_CHASSIS, "/subjects/"),
    "queues": (_CHASSIS, "basic_publish"),
    "redelivery": (_CHASSIS, "equal_jitter("),
    "dead-letters": (_CHASSIS, "limits.dead_letter_attempts"),
    "dead-letter-retention": (_CHASSIS, "limits.dead_letter_retention"),
    "ordering": (_CHASSIS, "CREATE TABLE inbox_cursor"),
    "duplicates": (_CHASSIS, "CREATE TABLE inbox"),
    "event-sourcing": (_CHASSIS, "snapshot_every"),
    "saga-choreography": (_CHASSIS, "class Participation"),
    "saga-orchestration": (_CHASSIS, "class Conductor"),
    "saga-timers": (_CHASSIS, "next_timer_at <= clock_timestamp()"),
    "saga-metrics": (_CHASSIS, "fleet.saga.stuck"),
    "saga-operations": (_CHASSIS, "OperationRefused"),
    "chaos": ("tests/*", "def test_saga"),
    "saga-alerts": (_CHARTS, "fleet_saga_stuck"),
    "compliance-alerts": (_CHARTS, "compliance_violation"),
    "autoscaling": (_CHARTS, "kind: HorizontalPodAutoscaler"),
    "read-replicas": (_CHARTS, "hot_standby"),
    "cdn": (_CHARTS, "kind: CDN"),
    "mesh-traffic": (_CHARTS, "kind: DestinationRule"),
    "mesh-rbac": (_CHARTS, "kind: AuthorizationPolicy"),
    "rotation": (_CHARTS, "SECRET_TTL"),
    "canary": (_CHARTS, "kind: Rollout"),
    "dmz": (_CHARTS, "kind: ServiceEntry"),
    "identity": (_CHARTS, "kind: ClusterSPIFFEID"),
    "authorization": (_CHARTS, "package fleet.authz"),
    "network-policy": (_CHARTS, "kind: NetworkPolicy"),
    "secrets": (_CHARTS, "kind: VaultStaticSecret"),
    "call-audit": (_CHASSIS, "call_audit"),
    "audit-trail": (_CHASSIS, "audit_trail"),
    "encryption": (_CHASSIS, "AESGCM"),
    "redaction": (_CHASSIS, "redacted_record"),
    "correlation": (_CHASSIS, "definition.correlate"),
    "regions": (_CHARTS, "home_region"),
    "ledger": (_CHASSIS, "double-entry"),
    "read-models": (_CHASSIS, "serve_read_model"),
    "copies": (_CHASSIS, "CREATE TABLE projection"),
    "crdt": (_CHASSIS, "class Crdt"),
    "cqrs": (_CHASSIS, "class Projection"),
    "ml-models": (_CHASSIS, "model_versions"),
    "screening": (_CHASSIS, "screening"),
    "pseudonyms": (_CHASSIS, "pseudonym"),
    "reports": (_CHASSIS, "regulatory_report"),
    "synthetic": ("tests/*", "synthetic"),
    "kpis": (_CHARTS, "kpi:"),
    "runbooks": ("docs/*", "## Severity"),
    "libraries": ("services/*", "libraries"),
    "controls": ("docs/*", "## Controls"),
    "helm": ("deploy/helm/*/Chart.yaml", "apiVersion:"),
}
DENIED = "asked for in the specification, not generated"
UNASKED = "a default, not generated"
ABSENT = "not generated"


@dataclass(frozen=True, eq=False)
class Made:
    """The generated files that may show something: path -> content."""

    files: Mapping[str, bytes]

    def source(self, capability: str) -> Generated | Missing:
        """The first file, in the order of paths, that shows it."""
        if capability not in self._known:
            self._known[capability] = self._search(*SHOWN[capability])
        return self._known[capability]

    def _search(self, where: str, holds: str) -> Generated | Missing:
        wanted = holds.encode()
        shown = (path for path, content in self.files.items() if wanted in content and fnmatchcase(path, where))
        first = min(shown, default=None)
        return Missing(where, holds) if first is None else Generated(first, holds)

    @cached_property
    def _known(self) -> dict[str, Generated | Missing]:
        """What was searched for already: many leaves ask for the same."""
        return {}

    def mark(self, capability: str, *facts: Fact) -> Fact:
        """Behind what is asked for: nothing where it is generated, else that it is not. `facts` ask for it."""
        source = self.source(capability)
        if isinstance(source, Generated):
            return Fact("", source)
        asked = DENIED if any(isinstance(fact.source, Written) for fact in facts) else UNASKED
        return Fact(f" ({asked if facts else ABSENT})", source)

    def file(self, path: str) -> Fact:
        """A file by its path."""
        return Fact(path, Generated(path, "") if path in self.files else Missing(path, ""))
