"""Mermaid diagrams. Names of a specification are labels only: ids are numbers, so that no name is a word of Mermaid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleetgen.model.fleet import Fleet, Saga, SagaStep
from fleetgen.report.architecture.domain import traffic
from fleetgen.report.architecture.leaf import flat
from fleetgen.report.architecture.markdown import page, plain
from fleetgen.report.architecture.subject import Subject

_SAFE = frozenset(" _.,/-")
_STYLES = {
    "core": "fill:#fde9c9,stroke:#a86a00,color:#222",
    "supporting": "fill:#dcebfb,stroke:#2b5f93,color:#222",
    "generic": "fill:#ececec,stroke:#666,color:#222",
    "outside": "fill:#fff,stroke:#666,color:#222,stroke-dasharray:4 3",
}


def label(text: str) -> str:
    """The text for a place where Mermaid reads it as text: all that it could take for a sign is a numbered entity."""
    return "".join(char if char.isalnum() or char in _SAFE else f"#{ord(char)};" for char in flat(text))


def _block(lines: Iterable[str]) -> str:
    return "```mermaid\n" + "\n".join(lines) + "\n```"


# -- the context map


def context_map(subject: Subject) -> str:
    """The page."""
    legend = (
        "An arrow runs from upstream to downstream with the roles of both. A dotted line joins contexts that exchange "
        "messages without a place on the map, or a context and a system outside that it calls."
    )
    return page("Context map", legend, _block(_map(subject)))


def _map(subject: Subject) -> Iterator[str]:
    fleet = subject.fleet
    ids = {context.name: f"c{place}" for place, context in enumerate(fleet.contexts)}
    yield "flowchart LR"
    for context in fleet.contexts:
        kind = context.subdomain if context.managed else f"{context.subdomain}, elsewhere"
        yield f'  {ids[context.name]}["{label(context.title)}<br/>{kind}"]:::{context.subdomain}'
    for place, external in enumerate(fleet.externals):
        yield f'  x{place}(["{label(external.name)}"]):::outside'
    for relation in fleet.relations:
        up, down = (", ".join(roles) for roles in (relation.upstream_roles, relation.downstream_roles))
        roles = label(" / ".join(part for part in (up, down) if part) or "-")
        arrow = "<-->" if relation.symmetric else "-->"
        yield f'  {ids[relation.upstream]} {arrow}|"{roles}"| {ids[relation.downstream]}'
    yield from _dotted(subject, ids)
    for name, style in _STYLES.items():
        yield f"  classDef {name} {style}"


def _dotted(subject: Subject, ids: dict[str, str]) -> Iterator[str]:
    fleet = subject.fleet
    mapped = {frozenset({relation.upstream, relation.downstream}) for relation in fleet.relations}
    rank = {name: place for place, name in enumerate(ids)}
    for one, other in sorted(tuple(sorted(rank[name] for name in pair)) for pair in traffic(subject) - mapped):
        yield f"  c{one} -.- c{other}"
    for place, external in enumerate(fleet.externals):
        callers = {fleet.context_of[name].name for name in external.used_by if name in fleet.context_of}
        for name in sorted(callers, key=rank.__getitem__):
            yield f"  {ids[name]} -.-> x{place}"


# -- sagas


def saga_sequences(subject: Subject) -> str:
    """The page: one diagram a saga."""
    sagas = subject.fleet.sagas
    if not sagas:
        return page("Sagas", "No transaction spans services.")
    parts = [
        part
        for saga in sagas
        for part in (f"## {plain(saga.name)}", f"{saga.mode.capitalize()}.", _block(_sequence(subject.fleet, saga)))
    ]
    return page("Sagas", *parts)


def _sequence(fleet: Fleet, saga: Saga) -> Iterator[str]:
    owners = [fleet.service_of[step.command.name] for step in saga.steps]
    ids = {name: f"p{place}" for place, name in enumerate(dict.fromkeys(owner.name for owner in owners))}
    titles = {owner.name: owner.title for owner in owners}
    yield "sequenceDiagram"
    for name, number in ids.items():
        yield f"  participant {number} as {label(titles[name])}"
    places = [ids[owner.name] for owner in owners]
    talk = _conducted if saga.mode == "orchestration" else _danced
    for place in range(len(saga.steps)):
        yield from talk(saga.steps, places, place)
        yield from _refused(saga, places, place)


def _conducted(steps: tuple[SagaStep, ...], places: list[str], place: int) -> Iterator[str]:
    """The first step's service commands and hears; its own steps it does itself."""
    step, owner, at = steps[place], places[0], places[place]
    command, event = label(step.command.name), label(step.command.emits.name)
    yield f"  {owner}{'->>' if step.call or at == owner else '-)'}{at}: {command}{_note(step)}"
    if at != owner:
        yield f"  {at}{'-->>' if step.call else '--)'}{owner}: {event}"


def _danced(steps: tuple[SagaStep, ...], places: list[str], place: int) -> Iterator[str]:
    """Each step is done on the event of the one before."""
    step, at = steps[place], places[place]
    if place:
        yield f"  {places[place - 1]}-){at}: {label(steps[place - 1].command.emits.name)}"
    yield f"  {at}->>{at}: {label(step.command.name)}{_note(step)}"


def _note(step: SagaStep) -> str:
    return " #40;pivot#41;" if step.kind == "pivot" else ""


def _refused(saga: Saga, places: list[str], place: int) -> Iterator[str]:
    """What is undone, last first, when this step refuses."""
    rejection = saga.steps[place].command.rejection
    if rejection is None or saga.steps[place].kind == "retriable":
        return
    yield "  break refused"
    undone = [at for at in reversed(range(place)) if saga.steps[at].undo]
    if saga.mode == "orchestration":
        yield f"    {_told(places[place], places[0])}: {label(rejection.name)}"
        yield from (f"    {_to(places[0], places[at])}: {_undo(saga.steps[at])}" for at in undone)
    elif undone:
        yield from _undone_in_turn(saga, places, place, undone)
    else:
        yield f"    Note over {places[place]}: {label(rejection.name)}"
    yield "  end"


def _told(source: str, target: str) -> str:
    """A refusal on its way to the conductor, or in its own house."""
    return f"Note over {source}" if source == target else f"{source}--){target}"


def _undone_in_turn(saga: Saga, places: list[str], place: int, undone: list[int]) -> Iterator[str]:
    """Each hears of the refusal, or of the undoing of the step behind its own."""
    rejection = saga.steps[place].command.rejection
    teller, told = places[place], rejection.name if rejection else ""
    for at in undone:
        undo = saga.steps[at].undo
        yield f"    {_to(teller, places[at])}: {label(told)}"
        yield f"    {_to(places[at], places[at])}: {_undo(saga.steps[at])}"
        teller, told = places[at], undo.emits.name if undo else ""


def _to(source: str, target: str) -> str:
    """A message to another, or work of one's own."""
    return f"{source}->>{target}" if source == target else f"{source}-){target}"


def _undo(step: SagaStep) -> str:
    return label(step.undo.name) if step.undo else ""
