"""A command that two things set off by themselves.

## What it does
Counts what runs a command without a person: policies, schedules, saga steps and their undos. Two of them are one too
many. The first step of a saga is set off from outside, so one policy or schedule for it is fine; two sagas that contain
the same command are not.

## Why it is bad
What was meant to happen once happens twice: an order is confirmed by the saga and again by a policy that saw the same
payment. The second run fails in the aggregate's state and ends among the dead letters, or worse, succeeds.

## Example
```yaml
contexts:
  order:
    policies: {PaymentCaptured: ConfirmOrder}
sagas:
  order-fulfillment:
    steps:
      - PlaceOrder / CancelOrder
      - pivot CapturePayment
      - ConfirmOrder
```

## Use instead
```yaml
sagas:
  order-fulfillment:
    steps:
      - PlaceOrder / CancelOrder
      - pivot CapturePayment
      - ConfirmOrder
```
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity, Span


@dataclass(frozen=True)
class _Trigger:
    text: str
    span: Span
    saga: str = ""
    starts: bool = False  # the command begins this saga, so something else sets it off


def check(view: View) -> Iterator[Finding]:
    """One finding a command, with every trigger as a related place."""
    triggers: dict[str, list[_Trigger]] = {}
    for command, trigger in (*_by_service(view), *_by_saga(view)):
        triggers.setdefault(command, []).append(trigger)
    for owned in view.owned:
        for command_ in owned.aggregate.commands:
            found = triggers.get(command_.name, [])
            if _too_many(found):
                yield Finding(
                    element=command_,
                    message=f"command `{command_.name}` is set off by {' and by '.join(item.text for item in found)}",
                    hint="keep one of them, or give the other a command of its own",
                    related=tuple((item.text, item.span) for item in found),
                )


def _too_many(found: list[_Trigger]) -> bool:
    sagas = {item.saga for item in found if item.saga}
    automatic = [item for item in found if not item.starts and not item.saga]
    inside = {item.saga for item in found if item.saga and not item.starts}
    return len(sagas) > 1 or len(automatic) + len(inside) > 1


def _by_service(view: View) -> Iterator[tuple[str, _Trigger]]:
    for service in view.services.values():
        for policy in service.policies:
            yield policy.command.name, _Trigger(f"policy `{policy.event.name}`", policy.span)
        for schedule in service.schedules:
            yield schedule.command.name, _Trigger(f"schedule `{schedule.text}`", schedule.span)


def _by_saga(view: View) -> Iterator[tuple[str, _Trigger]]:
    for saga in view.fleet.sagas:
        for place, step in enumerate(saga.steps):
            text = f"saga `{saga.name}`"
            yield step.command.name, _Trigger(text, step.span, saga.name, place == 0)
            if step.undo:
                yield step.undo.name, _Trigger(f"{text} as undo of `{step.name}`", step.span, saga.name)


RULE = Rule(id="CMD-1", name="two-automatic-triggers", severity=Severity.WARNING, check=check)
