"""DD-01: the bounded contexts, how they relate, who owns them, and how an older system is taken over."""

from __future__ import annotations

from collections.abc import Iterable

from fleetgen.analysis.figures import count, number
from fleetgen.analysis.graph import Graph
from fleetgen.analysis.teams import TeamLoad, team_loads
from fleetgen.model.fleet import Context, Fleet, Relation, Subdomain
from fleetgen.report.architecture.tree import Line, Section

_ROLES = {
    "OHS": "open host service",
    "PL": "published language",
    "S": "supplier",
    "C": "customer",
    "ACL": "anti-corruption layer",
    "CF": "conformist",
    "P": "partnership",
    "SK": "shared kernel",
}
_BUYING = {"consider": "buying is to be considered", "prefer": "to be bought rather than built", "no": "built"}


def bounded_contexts(fleet: Fleet, graph: Graph) -> Section:
    """The section."""
    return Section(
        "DD-01",
        "Bounded Context Analysis",
        (
            _subdomain(fleet, "core", "Core Domain", "Core Domains"),
            _subdomain(fleet, "supporting", "Supporting Domain", "Supporting Domains"),
            _subdomain(fleet, "generic", "Generic Domain", "Generic Domains"),
            _relationships(fleet, graph),
            _ownership(fleet),
            _evolution(fleet),
        ),
    )


def _subdomain(fleet: Fleet, kind: Subdomain, one: str, many: str) -> Line:
    found = [context for context in fleet.contexts if context.subdomain == kind]
    if len(found) == 1:
        return Line(one, _context(fleet, found[0]))
    return Line(many, f"{len(found)}" if found else "none", tuple(Line(_context(fleet, context)) for context in found))


def _context(fleet: Fleet, context: Context) -> str:
    parts = [context.purpose or "no purpose is written"]
    if context.subdomain == "core":
        parts.append(_investment(fleet, context))
    if context.subdomain == "generic":
        parts.append(_BUYING.get(context.buy, "built; buying is not considered"))
    if not context.managed:
        parts.append("exists elsewhere")
    return " - ".join((context.title, "; ".join(parts)))


def _investment(fleet: Fleet, context: Context) -> str:
    total = sum(team.developers for team in fleet.teams)
    own = sum(team.developers for team in fleet.teams if team.name == context.team)
    return f"{own} of {total} developers own it"


def _relationships(fleet: Fleet, graph: Graph) -> Line:
    mapped = {frozenset({relation.upstream, relation.downstream}) for relation in fleet.relations}
    pairs = _traffic(fleet, graph)
    text = (
        f"{count(len(pairs), 'pair')} of contexts exchange messages, {len(pairs & mapped)} of them on the context map"
    )
    return Line("Context Relationships", text, tuple(Line(_relation(relation)) for relation in fleet.relations))


def _traffic(fleet: Fleet, graph: Graph) -> set[frozenset[str]]:
    context = {service.name: context.name for context in fleet.contexts for service in context.services}
    pairs = {frozenset({context[edge.source], context[edge.target]}) for edge in graph.edges}
    return {pair for pair in pairs if len(pair) == 2}


def _relation(relation: Relation) -> str:
    if relation.symmetric:
        roles = (*relation.upstream_roles, *relation.downstream_roles)
        return f"{relation.upstream} <-> {relation.downstream}{_roles(roles)}"
    upstream = relation.upstream + _roles(relation.upstream_roles)
    return f"{upstream} -> {relation.downstream}{_roles(relation.downstream_roles)}"


def _roles(roles: Iterable[str]) -> str:
    named = ", ".join(_ROLES.get(role, role) for role in dict.fromkeys(roles))
    return f" ({named})" if named else ""


def _ownership(fleet: Fleet) -> Line:
    loads = team_loads(fleet)
    over = sum(load.load > 1 for load in loads)
    text = f"{over} of {count(len(loads), 'team')} above the load one team can carry (1)"
    return Line("Team Ownership", text, tuple(Line(_team(load)) for load in loads))


def _team(load: TeamLoad) -> str:
    owned = ", ".join(context.title for context in load.contexts) or "no context"
    roles = "".join(f", {count(people, role.replace('-', ' '))}" for role, people in load.team.roles.items())
    developers = f"{count(load.team.developers, 'developer')}{roles}"
    return f"{load.team.title} ({developers}): {owned} - cognitive load {number(load.load)}"


def _evolution(fleet: Fleet) -> Line:
    if not fleet.evolution:
        return Line("Evolution Strategy", "nothing is taken over" if not fleet.legacy else "no wave is planned")
    titles = {context.name: context.title for context in fleet.contexts}
    waves = (
        Line(f"wave {place}", f"{titles.get(wave.name, wave.name)} by {wave.by.replace('-', ' ')}")
        for place, wave in enumerate(fleet.evolution, start=1)
    )
    taken = ", ".join(legacy.name for legacy in fleet.legacy)
    text = f"{count(len(fleet.evolution), 'wave')}" + (f" to take over {taken}" if taken else "")
    return Line("Evolution Strategy", text, tuple(waves))
