"""A context that no team owns.

## What it does
Looks for a context without a team, and for one whose team is not in the list of teams.

## Why it is bad
What nobody owns, nobody repairs at night and nobody improves by day. Code owners, alerts and the report are made from
this line.

## Example
```yaml
teams: {orders: 8}
contexts:
  order: {subdomain: core, purpose: Order lifecycle, team: ordres}
```

## Use instead
```yaml
teams: {orders: 8}
contexts:
  order: {subdomain: core, purpose: Order lifecycle, team: orders}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule, quoted
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.spec.codes import nearest


def check(view: View) -> Iterator[Finding]:
    """One finding a context."""
    teams = [team.name for team in view.fleet.teams]
    choice = f"write `team:` with one of {quoted(teams)}" if teams else "add the team under `teams:`"
    for context in view.managed:
        if not context.team:
            yield Finding(element=context, message=f"no team owns context `{context.name}`", hint=choice)
        elif context.team not in teams:
            near = nearest(context.team, teams)
            yield Finding(
                element=context,
                message=f"context `{context.name}` is owned by `{context.team}`, which is no team",
                hint=f"write `{near}`" if near else choice,
            )


RULE = Rule(id="TEAM-1", name="context-without-owner", severity=Severity.ERROR, check=check)
