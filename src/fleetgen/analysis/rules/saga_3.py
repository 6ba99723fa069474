"""A saga that cannot end in its time.

## What it does
Looks for a saga without a timeout, for one whose timeout is shorter than the latency targets of its steps' services
together, and for a step whose `within` is longer than the whole saga may take.

## Why it is bad
Without a limit a lost reply leaves a saga open for ever. A limit that its own steps cannot keep undoes transactions
that were going well. A step's limit beyond the saga's is never reached: the saga gives up first.

## Example
```yaml
sagas:
  order-fulfillment:
    timeout: 30s
    steps:
      - PlaceOrder / CancelOrder
      - {pivot: CapturePayment, within: 2m}
```

## Use instead
```yaml
sagas:
  order-fulfillment:
    timeout: 5m
    steps:
      - PlaceOrder / CancelOrder
      - {pivot: CapturePayment, within: 2m}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.figures import duration
from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Saga


def check(view: View) -> Iterator[Finding]:
    """One finding a saga without a usable limit, one a step that outlives it."""
    for saga in view.fleet.sagas:
        if saga.timeout is None:
            yield Finding(element=saga, message=f"saga `{saga.name}` has no timeout", hint="write `timeout: 5m`")
            continue
        yield from _too_short(view, saga, saga.timeout)
        for step in saga.steps:
            if step.within > saga.timeout:
                yield Finding(
                    element=step,
                    message=f"step `{step.name}` may take {duration(step.within)}, but saga `{saga.name}` ends after "
                    f"{duration(saga.timeout)}",
                    hint="lengthen `timeout`, or shorten `within`",
                )


def _too_short(view: View, saga: Saga, timeout: float) -> Iterator[Finding]:
    least = sum(_latency(view, step.command.name) for step in saga.steps)
    if timeout < least:
        yield Finding(
            element=saga,
            message=f"saga `{saga.name}` ends after {duration(timeout)}, but its steps take {duration(least)} at their "
            "services' latency targets",
            hint=f"write a `timeout` above {duration(least)}",
        )


def _latency(view: View, command: str) -> float:
    """The service's p95 target: what the step takes at least once in twenty times. Unknown counts as nothing."""
    service = view.fleet.service_of.get(command)
    return (service.slo.p95 or 0.0) if service and service.slo else 0.0


RULE = Rule(id="SAGA-3", name="saga-without-time", severity=Severity.WARNING, check=check)
