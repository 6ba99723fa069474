"""The platform with everything filled in, for `show`; and plain data turned back into what a person writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fleetgen.model.fleet import Platform
from fleetgen.spec.quantities import duration_text, rate_text, share_text, size_text
from fleetgen.spec.shape import ByKind, ListOf, MapOf, Quantity, Record, Shape
from fleetgen.spec.table.platform import PLATFORM

_QUANTITIES: dict[str, Callable[[Any], str]] = {
    "duration": duration_text,
    "size": size_text,
    "rate": rate_text,
    "share": share_text,
}


def written(shape: Shape, value: Any) -> Any:
    """Plain data as the table's shape writes it: numbers with their units."""
    match shape:
        case Quantity() if isinstance(value, (int, float)):
            return _QUANTITIES[shape.kind](value)
        case Record() if isinstance(value, Mapping):
            return {key: written(shape.entry(key).shape, inner) for key, inner in value.items()}
        case MapOf() if isinstance(value, Mapping):
            return {key: written(shape.of, inner) for key, inner in value.items()}
        case ListOf() if isinstance(value, list):
            return [written(shape.of, inner) for inner in value]
        case ByKind() if isinstance(value, Mapping) and shape.mapping is not None:
            return written(shape.mapping, value)
    return value


def platform_data(platform: Platform) -> dict[str, Any]:
    """All keys, defaults too."""
    extra = {key: written(PLATFORM.entry(key).shape, value) for key, value in platform.extra.items()}
    telemetry: dict[str, Any] = {
        "traces": platform.traces,
        "sampling": share_text(platform.sampling),
        "metrics": platform.metrics,
        "logs": platform.logs,
    }
    if platform.correlate:
        telemetry["correlate"] = platform.correlate
    if platform.redact:
        telemetry["redact"] = list(platform.redact)
    return {
        "gateway": {"kind": platform.gateway, "rate-limit": f"{platform.rate_limit_per_minute}/min/user"},
        "discovery": {"kind": platform.discovery, "health-check": duration_text(platform.health_check)},
        "circuit-breaker": {
            "failures": platform.breaker_failures,
            "open": duration_text(platform.breaker_open),
            **extra.pop("circuit-breaker", {}),
        },
        "timeouts": {
            "internal": duration_text(platform.timeout_internal),
            "external": duration_text(platform.timeout_external),
        },
        "retries": {"attempts": platform.retry_attempts, **extra.pop("retries", {})},
        "bulkhead": {"concurrent": platform.bulkhead_concurrent, "queued": platform.bulkhead_queued},
        "auth": {"users": platform.auth_users, "services": platform.auth_services},
        "telemetry": telemetry,
        "events": {
            "bus": platform.bus,
            "replicas": platform.replicas,
            "partitions": platform.partitions,
            "retention": duration_text(platform.retention),
            "format": platform.format,
            "registry": platform.registry,
            "compatibility": platform.compatibility,
        },
        "dead-letters": {
            "attempts": platform.dead_letter_attempts,
            "retention": duration_text(platform.dead_letter_retention),
            "then": platform.on_dead_letter,
        },
        "delivery": {
            **extra.pop("delivery", {}),
            "gitops": platform.gitops,
            "strategy": platform.strategy,
        },
        **extra,
    }
