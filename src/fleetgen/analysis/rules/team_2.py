"""A team that owns more than it can know well.

## What it does
Adds up what a team carries: 1 for a core context, 0.6 for a supporting one, a third for a generic one, a tenth for each
language beyond the first and for each regime a context falls under. Above 1 it warns.

## Why it is bad
What does not fit into the heads of a team is looked after badly: changes wait for the one person who knows, and nobody
improves what nobody understands. One complex context, or two to three simple ones, is what a team can hold.

## Example
```yaml
teams: {supply: 6}
contexts:
  inventory: {subdomain: supporting, team: supply}
  shipping: {subdomain: supporting, team: supply}      # 0.6 + 0.6
```

## Use instead
```yaml
teams: {supply: 6, delivery: 5}
contexts:
  inventory: {subdomain: supporting, team: supply}
  shipping: {subdomain: supporting, team: delivery}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.figures import count, number
from fleetgen.analysis.rule import Finding, Rule, quoted
from fleetgen.analysis.teams import team_loads
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity


def check(view: View) -> Iterator[Finding]:
    """One finding a team."""
    for carried in team_loads(view.fleet):
        if carried.load > 1:
            contexts = [context.name for context in carried.contexts]
            yield Finding(
                element=carried.team,
                message=f"team `{carried.team.name}` carries a load of {number(carried.load)} where 1 is full: "
                f"{count(len(contexts), 'context')} ({quoted(contexts)})",
                hint="give one of them to another team",
                related=tuple((f"context `{context.name}`", context.span) for context in carried.contexts),
            )


RULE = Rule(id="TEAM-2", name="overloaded-team", severity=Severity.WARNING, check=check)
