"""DD-01: the bounded contexts, how they relate, who owns them, and how an older system is taken over."""

from __future__ import annotations

from fleetgen.analysis.figures import number
from fleetgen.analysis.teams import TeamLoad, team_loads
from fleetgen.model.fleet import Context, Relation, Subdomain, Team, Wave
from fleetgen.report.architecture.leaf import Fact, Leaf, Phrase, Section, joined
from fleetgen.report.architecture.subject import Subject, counted

ROLES = {
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


def bounded_contexts(subject: Subject) -> Section:
    """The section."""
    return Section(
        "DD-01",
        "Bounded Context Analysis",
        (
            _subdomain(subject, "core", "Core Domain", "Core Domains"),
            _subdomain(subject, "supporting", "Supporting Domain", "Supporting Domains"),
            _subdomain(subject, "generic", "Generic Domain", "Generic Domains"),
            _relationships(subject),
            _ownership(subject),
            _evolution(subject),
        ),
    )


def _subdomain(subject: Subject, kind: Subdomain, one: str, many: str) -> Leaf:
    found = [context for context in subject.fleet.contexts if context.subdomain == kind]
    if len(found) == 1:
        return Leaf((one,), _context(subject, found[0]))
    amount = subject.figure("contexts", str(len(found)) if found else "none", kind, value=str(len(found)))
    return Leaf((many,), (amount,), tuple(Leaf((), _context(subject, context)) for context in found))


def _context(subject: Subject, context: Context) -> Phrase:
    book, at = subject.book, ("contexts", context.name)
    parts: list[Phrase | Fact] = [book.fact(context.purpose or "no purpose is written", (*at, "purpose"))]
    if context.subdomain == "core":
        parts.append(_investment(subject, context))
    if context.subdomain == "generic":
        bought = _BUYING.get(context.buy, "built; buying is not considered")
        parts.append(book.fact(bought, (*at, "buy")))
    if not context.managed:
        parts.append(book.fact("exists elsewhere", (*at, "managed")))
    classed = book.fact("", (*at, "subdomain"))
    return (subject.context(context), classed, " - ", *joined(parts, "; "))


def _investment(subject: Subject, context: Context) -> Phrase:
    total = sum(team.developers for team in subject.fleet.teams)
    team = subject.teams.get(context.team)
    own = str(team.developers if team else 0)
    share = subject.figure("developers-of-context", own, context.name)
    return (share, " of ", subject.figure("developers", str(total)), " developers own it")


# -- the context map


def _relationships(subject: Subject) -> Leaf:
    mapped = {frozenset({relation.upstream, relation.downstream}) for relation in subject.fleet.relations}
    pairs = traffic(subject)
    text = (
        *counted(subject, "pairs-that-exchange-messages", len(pairs), "pair"),
        " of contexts exchange messages, ",
        subject.figure("pairs-on-the-map", str(len(pairs & mapped))),
        " of them on the context map",
    )
    relations = subject.fleet.relations
    leaves = tuple(Leaf((), _relation(subject, place, relation)) for place, relation in enumerate(relations))
    return Leaf(("Context Relationships",), text, leaves)


def traffic(subject: Subject) -> set[frozenset[str]]:
    """Pairs of contexts between which messages go."""
    contexts = subject.fleet.contexts
    context = {service.name: context.name for context in contexts for service in context.services}
    pairs = {frozenset({context[edge.source], context[edge.target]}) for edge in subject.graph.edges}
    return {pair for pair in pairs if len(pair) == 2}


def _relation(subject: Subject, place: int, relation: Relation) -> Phrase:
    return (subject.book.fact(relation_text(relation), ("context-map", place)),)


def relation_text(relation: Relation) -> str:
    """A relation with its roles in words."""
    arrow = "<->" if relation.symmetric else "->"
    upstream, downstream = roles(relation.upstream_roles), roles(relation.downstream_roles)
    return f"{relation.upstream}{upstream} {arrow} {relation.downstream}{downstream}"


def roles(named: tuple[str, ...]) -> str:
    """` (supplier)`, or nothing."""
    words = ", ".join(ROLES.get(role, role) for role in dict.fromkeys(named))
    return f" ({words})" if words else ""


# -- teams


def _ownership(subject: Subject) -> Leaf:
    loads = team_loads(subject.fleet)
    over = sum(load.load > 1 for load in loads)
    text = (
        subject.figure("teams-above-their-load", str(over)),
        " of ",
        *counted(subject, "teams", len(loads), "team"),
        " above the load that one team can carry",
    )
    return Leaf(("Team Ownership",), text, tuple(_team(subject, load) for load in loads))


def _team(subject: Subject, load: TeamLoad) -> Leaf:
    owned = joined(subject.book.fact(c.title, ("contexts", c.name, "team")) for c in load.contexts)
    carried = subject.figure("cognitive-load", number(load.load), load.team.name)
    nothing = (subject.figure("contexts-of-team", "no context", load.team.name, value="0"),)
    return Leaf(
        (subject.team(load.team), " (", *people(subject, load.team), ")"),
        (*(owned or nothing), " - cognitive load ", carried),
    )


def people(subject: Subject, team: Team) -> Phrase:
    """`8 developers, 2 risk analysts`."""
    at = ("teams", team.name)
    found: list[Phrase] = [_people(subject.book.fact(str(team.developers), (*at, "developers")), "developer")]
    for role, amount in team.roles.items():
        found.append(_people(subject.book.fact(str(amount), (*at, "roles", role)), role.replace("-", " ")))
    return joined(found)


def _people(amount: Fact, noun: str) -> Phrase:
    return (amount, f" {noun}" if amount.text == "1" else f" {noun}s")


# -- evolution


def _evolution(subject: Subject) -> Leaf:
    fleet = subject.fleet
    if not fleet.evolution:
        key = "evolution" if fleet.legacy else "legacy"
        text = "no wave is planned" if fleet.legacy else "nothing is taken over"
        return Leaf(("Evolution Strategy",), (subject.book.fact(text, (key,)),))
    taken = joined(subject.book.fact(legacy.name, ("legacy", legacy.name)) for legacy in fleet.legacy)
    text_ = (*counted(subject, "waves", len(fleet.evolution), "wave"), *((" to take over ", *taken) if taken else ()))
    waves = tuple(_wave(subject, place, wave) for place, wave in enumerate(fleet.evolution))
    return Leaf(("Evolution Strategy",), text_, waves)


def _wave(subject: Subject, place: int, wave: Wave) -> Leaf:
    titles = {context.name: context.title for context in subject.fleet.contexts}
    turn = subject.figure("turn-of-wave", str(place + 1), wave.name)
    name = subject.book.fact(titles.get(wave.name, wave.name), ("evolution", place, "context"))
    how = subject.book.fact(wave.by.replace("-", " "), ("evolution", place, "by"))
    return Leaf(("wave ", turn), (name, " by ", how))
