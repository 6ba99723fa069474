"""The platform, externals, legacy systems, teams: parts that refer to little else."""

from __future__ import annotations

from typing import Any

from fleetgen.model.fleet import External, Legacy, Load, Platform, Slo, Team
from fleetgen.spec.node import Mapping, Node, Scalar
from fleetgen.spec.resolve.reader import Reader, entries
from fleetgen.spec.table.context import LOAD, SLO
from fleetgen.spec.table.fleet import EXTERNAL, LEGACY, TEAM
from fleetgen.spec.table.platform import PLATFORM

# Keys of `platform` that have no place of their own in the model.
_EXTRA = ("mesh", "identity", "authorization", "network-policy", "secrets", "audit", "alerts", "delivery", "extensions")


def title_of(name: str) -> str:
    """`risk-compliance` -> `Risk Compliance`."""
    return " ".join(word.capitalize() for word in name.split("-"))


def read_platform(fleet: Reader) -> Platform:
    """Everything with its default."""
    top = Reader(PLATFORM, fleet.get("platform"))
    gateway, discovery, breaker = top.child("gateway"), top.child("discovery"), top.child("circuit-breaker")
    timeouts, bulkhead, auth = top.child("timeouts"), top.child("bulkhead"), top.child("auth")
    telemetry, events, letters = top.child("telemetry"), top.child("events"), top.child("dead-letters")
    delivery = top.child("delivery")
    return Platform(
        name="platform",
        span=top.node.span if top.node.span.file else fleet.node.span,
        gateway=gateway.word("kind"),
        rate_limit_per_minute=round(gateway.number("rate-limit") * 60),
        discovery=discovery.word("kind"),
        health_check=discovery.number("health-check"),
        breaker_failures=breaker.whole("failures"),
        breaker_open=breaker.number("open"),
        timeout_internal=timeouts.number("internal"),
        timeout_external=timeouts.number("external"),
        retry_attempts=top.child("retries").whole("attempts"),
        bulkhead_concurrent=bulkhead.whole("concurrent"),
        bulkhead_queued=bulkhead.whole("queued"),
        auth_users=auth.word("users"),
        auth_services=auth.word("services"),
        traces=telemetry.word("traces"),
        sampling=telemetry.number("sampling"),
        metrics=telemetry.word("metrics"),
        logs=telemetry.word("logs"),
        correlate=telemetry.text("correlate"),
        redact=telemetry.words("redact"),
        bus=events.word("bus"),
        replicas=events.whole("replicas"),
        partitions=events.whole("partitions"),
        retention=events.number("retention"),
        format="protobuf" if events.word("format") == "protobuf" else "avro",
        registry=events.word("registry"),
        compatibility=events.word("compatibility"),
        dead_letter_attempts=letters.whole("attempts"),
        dead_letter_retention=letters.number("retention"),
        on_dead_letter="advance" if letters.word("then") == "advance" else "hold",
        gitops=delivery.word("gitops"),
        strategy=delivery.word("strategy"),
        extra=_extra(top),
    )


def _extra(top: Reader) -> dict[str, Any]:
    found = {key: top.plain(key) for key in _EXTRA if top.has(key)}
    for key in ("circuit-breaker", "retries"):
        if top.child(key).has("backoff"):
            found.setdefault(key, {})["backoff"] = top.child(key).word("backoff")
    return found


def read_teams(fleet: Reader) -> tuple[Team, ...]:
    """A number of developers, or more."""
    found = []
    for name, node in entries(fleet.get("teams")):
        team = Reader(TEAM, node)
        roles = {key.text: _number(value) for key, value in entries(team.get("roles"))}
        found.append(
            Team(
                name=name.text,
                span=name.span,
                waive=team.waive(),
                title=team.text("title", "") or title_of(name.text),
                developers=int(team.value("developers") or 0),
                roles=roles,
                kind=team.word("kind"),  # type: ignore[arg-type]
            )
        )
    return tuple(found)


def _number(node: Node) -> int:
    return int(node.text) if isinstance(node, Scalar) and node.text.isdecimal() and len(node.text) < 9 else 0


def read_externals(fleet: Reader, otherwise: float) -> tuple[External, ...]:
    """Systems outside; the platform's external timeout unless said."""
    found = []
    for name, node in entries(fleet.get("externals")):
        reader = Reader(EXTERNAL, node)
        found.append(
            External(
                name=name.text,
                span=name.span,
                waive=reader.waive(),
                purpose=reader.text("purpose"),
                used_by=reader.words("used-by"),
                timeout=_written_seconds(reader, "timeout", otherwise),
            )
        )
    return tuple(found)


def _written_seconds(reader: Reader, key: str, otherwise: float) -> float:
    if not reader.has(key):
        return otherwise
    value = reader.value(key)
    return float(value) if isinstance(value, (int, float)) else otherwise


def read_legacy(fleet: Reader) -> tuple[Legacy, ...]:
    """Systems the fleet takes over."""
    found = []
    for name, node in entries(fleet.get("legacy")):
        reader = Reader(LEGACY, node)
        found.append(
            Legacy(
                name=name.text,
                span=name.span,
                waive=reader.waive(),
                url=reader.text("url"),
                database=reader.plain("database"),
            )
        )
    return tuple(found)


def read_slo(owner: Reader) -> Slo | None:
    """A service level objective, where one is written."""
    node = owner.get("slo")
    if not isinstance(node, Mapping):
        return None
    reader = Reader(SLO, node)
    return Slo(
        name="slo",
        span=node.span,
        availability=reader.maybe("availability"),
        p95=reader.maybe("p95"),
        window=reader.number("window"),
        mttr=reader.maybe("mttr"),
        measured_by=reader.text("measured-by"),
    )


def read_load(owner: Reader) -> Load | None:
    """A load, where one is written."""
    node = owner.get("load")
    if not isinstance(node, Mapping):
        return None
    reader = Reader(LOAD, node)
    message, users = reader.value("message"), reader.value("users")
    return Load(
        name="load",
        span=node.span,
        peak=reader.maybe("peak"),
        message=None if message is None else int(message),
        users=None if users is None else int(users),
    )
