"""A team that is too small to last or too large to talk.

## What it does
Looks for a team of less than five or more than nine developers. People in `roles` are not counted.

## Why it is bad
Below five there is nobody left on call when two are ill. Above nine there are more than 36 pairs who would have to
talk; in practice the team falls apart into two that share a backlog and a code base.

## Example
```yaml
teams: {payments-core: 10}
```

## Use instead
```yaml
teams: {payments-core: 5, ledger: 5}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.figures import count
from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity

LEAST, MOST = 5, 9  # developers


def check(view: View) -> Iterator[Finding]:
    """One finding a team."""
    for team in view.fleet.teams:
        size = team.developers
        if LEAST <= size <= MOST:
            continue
        pairs = size * (size - 1) // 2
        why = f"more than {MOST}, and {pairs} pairs who would have to talk" if size > MOST else f"less than {LEAST}"
        yield Finding(
            element=team,
            message=f"team `{team.name}` has {count(size, 'developer')}: {why}",
            hint="make two teams of it, each with contexts of its own" if size > MOST else "join it with another team",
        )


RULE = Rule(id="TEAM-3", name="team-size", severity=Severity.WARNING, check=check)
