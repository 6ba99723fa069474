"""Traces that an auditor asks for are thrown away.

## What it does
Looks for contexts under a financial regime (`pci-dss`, `sox`, `basel-iii`, `psd2`, `soc-2`) that handle money or card
numbers, and for the services in which traces of that money begin: the service itself, the first one of a saga it takes
part in, and those whose events it acts on. Each must keep 100 % of its traces. The service where a trace begins decides
for the whole trace, so that a participant with 100 % behind one with 1 % has 1 %.

## Why it is bad
The trace that is asked for after a wrong booking is then missing, with 99 in 100 chances. Samples are enough for
operations; for evidence they are none.

## Example
```yaml
contexts:
  payment:
    compliance: {pci-dss: {}}
platform:
  telemetry: {sampling: 1%}
```

## Use instead
```yaml
contexts:
  payment:
    compliance: {pci-dss: {}}
    tracing: {sampling: 100%}
platform:
  telemetry: {sampling: 1%}
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fleetgen.analysis.figures import percent
from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Context, Field, Service
from fleetgen.model.types import Type

REGIMES = ("pci-dss", "sox", "basel-iii", "psd2", "soc-2")


def check(view: View) -> Iterator[Finding]:
    """One finding a service that keeps less than all its traces."""
    for name, why in _beginnings(view).items():
        service = view.services[name]
        if service.tracing_sampling < 1:
            yield Finding(
                element=service,
                message=f"`{name}` keeps {percent(service.tracing_sampling)} of its traces, but {why}, which wants "
                "100 %",
                hint=f"write `tracing: {{sampling: 100%}}` at `{name}`",
            )


def _beginnings(view: View) -> Mapping[str, str]:
    """Services in which traces of regulated money begin, and why."""
    held = {service.name: regime for service, regime in _held(view)}
    found = {name: f"handles money under `{regime}`" for name, regime in held.items()}
    for saga in view.fleet.sagas:
        services = [view.fleet.service_of[step.command.name].name for step in saga.steps]
        first = next((name for name in services if name in held), "")
        if first:
            found.setdefault(services[0], f"begins saga `{saga.name}`, in which `{first}` is under `{held[first]}`")
    for name, regime in held.items():
        for policy in view.services[name].policies:
            source = view.fleet.service_of[policy.event.name].name
            found.setdefault(source, f"emits `{policy.event.name}`, on which `{name}` acts under `{regime}`")
    return {name: found[name] for name in view.services if name in found}


def _held(view: View) -> Iterator[tuple[Service, str]]:
    for context in view.managed:
        regime = _regime(view, context)
        if regime:
            yield from ((service, regime) for service in context.services if _handles_money(service))


def _regime(view: View, context: Context) -> str:
    return next((each for each in REGIMES if each in context.compliance or each in view.fleet.compliance), "")


def _handles_money(service: Service) -> bool:
    return any(field.sensitive == "pan" or "money" in _kinds(field.type) for field in _fields(service))


def _fields(service: Service) -> Iterator[Field]:
    """Also those of value objects, and what commands take."""
    for aggregate in service.aggregates:
        yield from aggregate.fields
        for holder in aggregate.values:
            yield from holder.fields
        for command in aggregate.commands:
            yield from command.inputs


def _kinds(kind: Type) -> set[str]:
    return {kind.kind} | (_kinds(kind.of) if kind.of else set())


RULE = Rule(id="OPS-3", name="sampled-evidence", severity=Severity.ERROR, check=check)
