"""A resolved fleet as a specification with everything filled in. It resolves to the same fleet again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleetgen.model.fleet import Context, Fleet, Load, Policy, Saga, SagaStep, Service, Slo, Source
from fleetgen.spec.emit import emit
from fleetgen.spec.quantities import duration_text, rate_text, share_text, size_text
from fleetgen.spec.show_aggregate import aggregate_data, commented
from fleetgen.spec.show_platform import platform_data, written
from fleetgen.spec.table.context import CONTEXT
from fleetgen.spec.table.fleet import FLEET

Data = dict[str, Any]


def show(fleet: Fleet) -> str:
    """YAML. What the grammar has no key for, as the contents of events, stands in comments."""
    data: Data = {
        "fleet": fleet.name,
        "domain": fleet.domain,
        "vision": fleet.vision,
        "organisation": fleet.organisation,
        "zero-trust": fleet.zero_trust,
        "compliance": fleet.compliance,
        "slo": slo_data(fleet.slo),
        "load": load_data(fleet.load),
        "legacy": {each.name: _legacy(each.url, each.database) | _waived(each.waive) for each in fleet.legacy},
        "externals": {
            each.name: {"purpose": each.purpose, "used-by": list(each.used_by), "timeout": duration_text(each.timeout)}
            | _waived(each.waive)
            for each in fleet.externals
        },
        "teams": {
            each.name: {"title": each.title, "developers": each.developers, "roles": each.roles, "kind": each.kind}
            | _waived(each.waive)
            for each in fleet.teams
        },
        "contexts": {each.name: _context(each) for each in fleet.contexts},
        "context-map": [_relation(each) for each in fleet.relations],
        "sagas": {each.name: _saga(each) for each in fleet.sagas},
        "platform": platform_data(fleet.platform),
        "evolution": [{"context": each.name, "by": each.by} | _waived(each.waive) for each in fleet.evolution],
        **{key: written(FLEET.entry(key).shape, value) for key, value in fleet.extra.items()},
        **_waived(fleet.waive),
    }
    return emit({"contexts": {}} | _filled(data) if not fleet.contexts else _filled(data))


def _filled(data: Mapping[str, Any]) -> Data:
    """Without what is empty."""
    return {key: value for key, value in data.items() if value not in ("", None, {}, [], ())}


def _waived(waive: Mapping[str, str]) -> Data:
    return {"waive": dict(waive)} if waive else {}


def _legacy(url: str, database: Mapping[str, Any]) -> Data:
    return _filled({"url": url, "database": dict(database)})


def _relation(relation: Any) -> str:
    def side(name: str, roles: tuple[str, ...]) -> str:
        return f"{name} [{', '.join(roles)}]" if roles else name

    arrow = "<->" if relation.symmetric else "->"
    left, right = side(relation.upstream, relation.upstream_roles), side(relation.downstream, relation.downstream_roles)
    return f"{left} {arrow} {right}"


def slo_data(slo: Slo | None) -> Data | None:
    """A service level objective."""
    if slo is None:
        return None
    return _filled(
        {
            "availability": None if slo.availability is None else share_text(slo.availability),
            "p95": None if slo.p95 is None else duration_text(slo.p95),
            "window": duration_text(slo.window),
            "measured-by": slo.measured_by,
            "mttr": None if slo.mttr is None else duration_text(slo.mttr),
        }
    )


def load_data(load: Load | None) -> Data | None:
    """A load."""
    if load is None:
        return None
    return _filled(
        {
            "peak": None if load.peak is None else rate_text(load.peak),
            "message": None if load.message is None else size_text(load.message),
            "users": load.users,
        }
    )


# -- contexts


def _context(context: Context) -> Data:
    extra = {
        key: written(CONTEXT.entry(key).shape, value)
        for key, value in context.extra.items()
        if key in CONTEXT.keys and key != "regions"
    }
    head: Data = {
        "title": context.title,
        "subdomain": context.subdomain,
        "purpose": context.purpose,
        "team": context.team,
        "consistency": context.consistency,
        "buy": context.buy,
        "managed": context.managed,
        "compliance": context.compliance,
        "audit": context.audit,
        "regions": {"count": context.regions, "mode": "active-active" if context.active_active else "active-passive"},
        "renamed-from": context.renamed_from,
        **extra,
    }
    alone = len(context.services) == 1 and context.services[0].name == context.name
    if alone:
        service = _service(context.services[0])
        return _filled({**head, **{key: value for key, value in service.items() if key not in ("title", "purpose")}}
                       | _waived(context.waive))  # fmt: skip
    services = {each.name: _filled(_service(each) | _waived(each.waive)) for each in context.services}
    return _filled({**head, "services": services, **_waived(context.waive)})


def _service(service: Service) -> Data:
    patterns = (["cqrs"] if service.cqrs else []) + (["event-sourcing"] if service.sourced else [])
    return {
        "title": service.title,
        "purpose": service.purpose,
        "stack": service.stack,
        "asked": _asked(service),
        "stores": {
            role: {"kind": kind, "name": service.store_names[role]} if role in service.store_names else kind
            for role, kind in service.stores.items()
        },
        "api": list(service.api),
        "exposure": service.exposure,
        "patterns": patterns,
        "slo": slo_data(service.slo),
        "load": load_data(service.load),
        "tracing": {"sampling": share_text(service.tracing_sampling)},
        "aggregates": {each.name: aggregate_data(each) for each in service.aggregates},
        "dropped": list(service.dropped),
        "policies": _policies(service.policies),
        "schedules": {each.name: commented(each.text, f"cron {each.cron}") for each in service.schedules},
        "copies": {
            each.name: {"from": [event.name for event in each.events], "key": each.key} | _waived(each.waive)
            for each in service.copies
        },
        "calls": [each.name for each in service.calls],
        "subscribes": [each.name for each in service.subscribes],
        "unordered": [each.name for each in service.unordered],
    }


def _asked(service: Service) -> Data:
    found: Data = {}
    for what, asked, _ in service.replacements:
        if what == "stack":
            found["stack"] = asked
        elif what.endswith(" store"):
            found.setdefault("stores", {})[what.removesuffix(" store")] = asked
        else:
            found.setdefault("api" if what == "api" else "patterns", []).append(asked)
    return found


def _policies(policies: tuple[Policy, ...]) -> Data:
    found: dict[str, list[Data]] = {}
    for policy in policies:
        body: Data = {
            "do": policy.command.name,
            "with": {each.name: text for each in policy.bindings if (text := _source(each.source))},
            "for-each": _source(policy.for_each) if policy.for_each else "",
        }
        found.setdefault(policy.name, []).append(_filled(body) | _waived(policy.waive))
    return {name: bodies[0] if len(bodies) == 1 else bodies for name, bodies in found.items()}


def _source(source: Source) -> str:
    """As `with` takes it; an absent input is not written."""
    if source.kind == "message":
        return ".".join((source.message, *source.path))
    if source.kind == "item":
        return ".".join(("item", *source.path))
    if source.kind == "rejection":
        return "rejection"
    if source.kind == "absent":
        return ""
    if isinstance(source.value, str) and not source.value.lstrip("-").isdigit():
        return f"'{source.value}'"
    return str(source.value).lower() if isinstance(source.value, bool) else str(source.value)


# -- sagas


def _saga(saga: Saga) -> Data:
    return {
        "mode": saga.mode,
        "timeout": duration_text(saga.timeout or 0.0),
        "stuck": saga.stuck,
        "steps": [_step(index, each) for index, each in enumerate(saga.steps)],
        **_waived(saga.waive),
    }


def _step(index: int, step: SagaStep) -> Data:
    how = "pivot" if step.kind == "pivot" else "call" if step.call else "do"
    sources = {each.name: _source(each.source) for each in (step.bindings if index else ())}
    for each in step.undo_bindings:
        sources.setdefault(each.name, _source(each.source))
    return _filled(
        {
            how: step.command.name,
            "undo": "none" if step.no_undo else step.undo.name if step.undo else "",
            "with": _filled(_unambiguous(step, sources)),
            "for-each": _source(step.for_each) if step.for_each else "",
            "within": duration_text(step.within),
        }
    ) | _waived(step.waive)


def _unambiguous(step: SagaStep, sources: dict[str, str]) -> dict[str, str]:
    """`with` serves both commands: an input that each takes from elsewhere is left to its name."""
    forward = {each.name: _source(each.source) for each in step.bindings}
    backward = {each.name: _source(each.source) for each in step.undo_bindings}
    return {
        name: text
        for name, text in sources.items()
        if name not in forward or name not in backward or forward[name] == backward[name] or text == "rejection"
    }
