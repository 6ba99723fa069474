"""A policy runs a command of somebody else.

## What it does
Looks for a policy whose command belongs to another context.

## Why it is bad
A context decides itself what it does when something happened. A policy that commands a stranger hides the rule from
the team that owns the behaviour, and needs the other service to be there.

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
from fleetgen.model.fleet import Context, Service


def check(view: View) -> Iterator[Finding]:
    """One finding a policy; an event that nobody emits is one too, where the model can still hold it."""
    for context in view.fleet.contexts:
        for service in context.services:
            yield from _policies(view, context, service)


def _policies(view: View, context: Context, service: Service) -> Iterator[Finding]:
    for policy in service.policies:
        owner = view.fleet.context_of.get(policy.command.name)
        if owner is None or owner.name != context.name:
            whose = f"context `{owner.name}`" if owner else "no context"
            yield Finding(
                element=policy,
                message=f"policy `{policy.name}` of context `{context.name}` runs `{policy.command.name}`, a command "
                f"of {whose}",
                hint=f"write the policy in context `{owner.name}`" if owner else "name a command of this context",
            )
        if policy.event.name not in view.fleet.events:
            yield Finding(
                element=policy,
                message=f"policy `{policy.name}` waits for `{policy.event.name}`, which nobody emits",
                hint="name an event that a command emits",
            )


RULE = Rule(id="EVT-2", name="foreign-command-in-policy", severity=Severity.ERROR, check=check, waivable=False)
