"""What a team carries. A load above one is more than one team can know well."""

from __future__ import annotations

from dataclasses import dataclass

from fleetgen.model.fleet import Context, Fleet, Subdomain, Team

_WEIGHTS: dict[Subdomain, float] = {"core": 1.0, "supporting": 0.6, "generic": 1 / 3}
_PER_LANGUAGE = 0.1
_PER_REGIME = 0.1


@dataclass(frozen=True, kw_only=True)
class TeamLoad:
    """F20: contexts by their subdomain, a tenth for each further language and for each regime."""

    team: Team
    contexts: tuple[Context, ...]
    load: float


def team_loads(fleet: Fleet) -> tuple[TeamLoad, ...]:
    """Each team with its contexts, in the order written."""
    owned: dict[str, list[Context]] = {}
    for context in fleet.contexts:
        if context.managed:
            owned.setdefault(context.team, []).append(context)
    return tuple(_team_load(team, tuple(owned.get(team.name, ()))) for team in fleet.teams)


def _team_load(team: Team, owned: tuple[Context, ...]) -> TeamLoad:
    languages = {service.stack for context in owned for service in context.services}
    regimes = {regime for context in owned for regime in context.compliance}
    load = sum(_WEIGHTS[context.subdomain] for context in owned)
    load += _PER_LANGUAGE * max(len(languages) - 1, 0) + _PER_REGIME * len(regimes)
    return TeamLoad(team=team, contexts=owned, load=round(load, 6))  # 0.7 + 0.3 is one
