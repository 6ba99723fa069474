"""A policy runs a command of somebody else.

## What it does
Looks for a policy whose command belongs to another context, or to another service of the same one.

## Why it is bad
A service carries out its own commands only, and a context decides itself what it does when something
happened. A policy that commands a stranger hides the rule from the team that owns the behaviour, and needs the other
service to be there.

## Example
```yaml
contexts:
  order:
    policies: {OrderConfirmed: DispatchShipment}       # a command of shipping
```

## Use instead
```yaml
contexts:
  shipping:
    policies: {OrderConfirmed: DispatchShipment}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Context, Policy, Service


def check(view: View) -> Iterator[Finding]:
    """One finding a policy; an event that nobody emits is one too, where the model can still hold it."""
    for context in view.fleet.contexts:
        for service in context.services:
            yield from _policies(view, context, service)


def _policies(view: View, context: Context, service: Service) -> Iterator[Finding]:
    for policy in service.policies:
        owner = view.fleet.service_of.get(policy.command.name)
        if owner is None or owner.name != service.name:
            yield _foreign(view, context, service, policy)
        if policy.event.name not in view.fleet.events:
            yield Finding(
                element=policy,
                message=f"policy `{policy.name}` waits for `{policy.event.name}`, which nobody emits",
                hint="name an event that a command emits",
            )


def _foreign(view: View, context: Context, service: Service, policy: Policy) -> Finding:
    other = view.fleet.context_of.get(policy.command.name)
    here, there = f"context `{context.name}`", f"context `{other.name}`" if other else ""
    if other is not None and other.name == context.name:
        here, there = f"service `{service.name}`", f"service `{view.fleet.service_of[policy.command.name].name}`"
    return Finding(
        element=policy,
        message=f"policy `{policy.name}` of {here} runs `{policy.command.name}`, a command of {there or 'no context'}",
        hint=f"write the policy in {there}" if there else "name a command of this context",
    )


RULE = Rule(id="EVT-2", name="foreign-command-in-policy", severity=Severity.ERROR, check=check, waivable=False)
