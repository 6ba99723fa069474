"""A rate limit that protects nothing.

## What it does
Multiplies the limit that the gateway grants to each user with the number of users, and compares the result with the
load the fleet, or a service reached through the gateway, is built for (`load: {peak}`).

## Why it is bad
The limit is there for the day when many come at once, or when one client goes wild. If everybody may do far more than
the fleet can bear, the gateway lets all of it in and the services fall over; the limit only looks like a protection.

## Example
```yaml
platform: {gateway: {rate-limit: 1000/min/user}}
load: {peak: 800/s, users: 50000}                 # 833 000 requests a second would be let through
```

## Use instead
```yaml
platform: {gateway: {rate-limit: 60/min/user}}
load: {peak: 800/s, users: 500}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.capacity import let_through, protecting
from fleetgen.analysis.figures import magnitude, number
from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Load


def check(view: View) -> Iterator[Finding]:
    """One finding for the fleet, one for a service with a load of its own. Users of the fleet are users of each."""
    fleet = view.fleet
    if fleet.platform.gateway == "none":
        return
    if fleet.load:
        yield from _load(view, "the fleet", fleet.load, fleet.load.users)
    everybody = fleet.load.users if fleet.load else None
    for service in fleet.services:
        if service.load and service.exposure != "internal":
            users = service.load.users if service.load.users is not None else everybody
            yield from _load(view, f"service `{service.name}`", service.load, users)


def _load(view: View, what: str, load: Load, users: int | None) -> Iterator[Finding]:
    limit = view.fleet.platform.rate_limit_per_minute
    if not users or load.peak is None:
        return
    rate = let_through(users, limit)
    if rate > load.peak:
        yield Finding(
            element=load,
            message=f"a limit of {magnitude(limit)} a minute for each of {magnitude(users)} users lets "
            f"{magnitude(rate)} requests a second through, but {what} bears {magnitude(load.peak)} at its peak: "
            f"{magnitude(rate / load.peak)} times as much",
            hint=f"{number(protecting(users, load.peak))} a minute for each would protect it, if all come at once; "
            "limit the whole at the gateway as well",
            related=(("the limit", view.fleet.platform.span),),
        )


RULE = Rule(id="COM-8", name="limit-above-capacity", severity=Severity.WARNING, check=check)
