"""A caller gives up before what it waits for can answer.

## What it does
Takes the longest a call may last (all tries up to their timeout, and the pauses between them) and compares it with the
patience of whoever waits: of a service that calls a service that calls on; of a saga step that calls (`within`); of
somebody outside who waits for a public service that calls (`timeouts: {external}`). A called service that uses an
external system is a warning only: that the called command is the one that uses it is not in the specification.

## Why it is bad
The caller fails and repeats, while the called one still works on the first request: load doubles at the worst moment,
and work whose result nobody waits for any more is done to the end.

## Example
```yaml
platform:
  timeouts: {internal: 12s, external: 30s}
  retries: {attempts: 3}                  # 3 x 12 s and pauses: 36.3 s, but a caller outside waits 30 s
```

## Use instead
```yaml
platform:
  timeouts: {internal: 5s, external: 30s}
  retries: {attempts: 3}                  # 15.3 s
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.figures import count, duration
from fleetgen.analysis.rule import Finding, Rule, quoted
from fleetgen.analysis.timeouts import longest_wait
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity


def check(view: View) -> Iterator[Finding]:
    """Findings from the inside out: external systems, chains, steps, and what is seen from outside."""
    yield from _externals(view)
    yield from _chains(view)
    yield from _steps(view)
    yield from _outside(view)


def _externals(view: View) -> Iterator[Finding]:
    platform, callers = view.fleet.platform, view.callers
    for external in view.fleet.externals:
        wait = longest_wait(platform, external.timeout)
        for name in external.used_by:
            if callers.get(name) and wait > platform.timeout_internal:
                yield Finding(
                    element=external,
                    message=f"`{name}` may wait {duration(wait)} for `{external.name}` "
                    f"({_tries(view, external.timeout)}), but {quoted(callers[name])} gives up on `{name}` after "
                    f"{duration(platform.timeout_internal)}",
                    hint=f"write a shorter `timeout` at `{external.name}`, or call `{name}` by message",
                    severity=Severity.WARNING,
                )


def _chains(view: View) -> Iterator[Finding]:
    platform = view.fleet.platform
    wait = longest_wait(platform, platform.timeout_internal)
    if wait <= platform.timeout_internal:
        return
    for name in view.graph.nodes:
        called = view.graph.calls.targets[name]
        if called and view.callers.get(name):
            yield Finding(
                element=view.services[name],
                message=f"`{name}` may wait {duration(wait)} for {quoted(called)} "
                f"({_tries(view, platform.timeout_internal)}), but {quoted(view.callers[name])} gives up on `{name}` "
                f"after {duration(platform.timeout_internal)}",
                hint="try again at one place only (`retries: {attempts: 1}`), or let one of the calls be a message",
            )


def _steps(view: View) -> Iterator[Finding]:
    platform = view.fleet.platform
    wait = longest_wait(platform, platform.timeout_internal)
    for saga in view.fleet.sagas:
        for step in saga.steps:
            if step.call and step.within < wait:
                yield Finding(
                    element=step,
                    message=f"step `{step.name}` ends after {duration(step.within)}, but its call may last "
                    f"{duration(wait)} ({_tries(view, platform.timeout_internal)})",
                    hint=f"write `within` above {duration(wait)}, or a shorter `timeouts: {{internal}}`",
                )


def _outside(view: View) -> Iterator[Finding]:
    platform = view.fleet.platform
    wait = longest_wait(platform, platform.timeout_internal)
    exposed = [each.name for each in view.fleet.services if each.exposure != "internal"]
    waiting = [name for name in exposed if view.graph.calls.targets[name]]
    if waiting and wait > platform.timeout_external:
        yield Finding(
            element=platform,
            message=f"{quoted(waiting)} may wait {duration(wait)} for a call "
            f"({_tries(view, platform.timeout_internal)}), but a caller outside gives up after "
            f"{duration(platform.timeout_external)}",
            hint="shorten `timeouts: {internal}`, or try less often",
        )


def _tries(view: View, timeout: float) -> str:
    tries = view.fleet.platform.retry_attempts
    return f"{tries} tries of {duration(timeout)} and pauses" if tries > 1 else f"{count(tries, 'try')}"


RULE = Rule(id="COM-7", name="timeouts-out-of-order", severity=Severity.ERROR, check=check)
