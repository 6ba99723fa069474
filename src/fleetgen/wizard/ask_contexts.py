"""Questions about bounded contexts and their aggregates: what can be asked of them, what happens then."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

from fleetgen.core.names import words
from fleetgen.spec.shape import MapOf, Name, Word
from fleetgen.spec.table.aggregate import AGGREGATE, COMMAND, COMMAND_NAME, EXPOSURES, FIELDS, STATE_NAME
from fleetgen.spec.table.context import CONTEXT
from fleetgen.wizard import quick
from fleetgen.wizard.ask_fleet import rest_of
from fleetgen.wizard.ask_flow import Board
from fleetgen.wizard.forms import Line, Lines, Names
from fleetgen.wizard.question import Question

_ASKED = ("subdomain", "team", "purpose", "stack", "stores", "exposure", "aggregates", "policies")
_AGGREGATE_ASKED = ("fields", "values", "states", "commands", "queries")
_CONTEXT_NAME = Name("kebab", "context")
_AGGREGATE_NAME = Name("pascal", "aggregate")
_MOST_CHOICES = 30  # a longer list is written, not chosen from


def names() -> Generator[Question, Any, Mapping[str, Any]]:
    """The contexts and their classes."""
    found: Mapping[str, Any] = yield Question(
        "contexts",
        "Contexts",
        "Which bounded contexts are there?",
        "One a line, with its class: core (sets you apart), supporting, generic (could be bought): `order: core`.",
        Lines(MapOf(_CONTEXT_NAME, CONTEXT.entry("subdomain").shape, empty=True), required=True),
        owns=(("contexts",), ("contexts", "*", "subdomain")),
    )
    return found


def context(name: str, subdomain: str, teams: Mapping[str, Any], board: Board) -> Generator[Question, Any, None]:
    """All of one context; `board` learns its commands and events."""
    yield from _purpose(name, subdomain, teams)
    form = Names(_AGGREGATE_NAME)
    aggregates: list[str] = yield Question(
        f"contexts/{name}/aggregates",
        _topic(name),
        f"Which aggregates does `{name}` keep?",
        "The things that change as a whole, between commas: `Order`; empty for a context that only listens.",
        form,
        default="".join(word.capitalize() for word in words(name)),
        owns=(("contexts", name, "aggregates"),),
    )
    for aggregate in aggregates:
        yield from _aggregate(name, aggregate, board)
    yield Question(
        f"contexts/{name}/more",
        _topic(name),
        f"Anything else about `{name}`?",
        "Keys of a context as in fleet.yaml, one a line: title, slo, compliance, schedules, … Empty for nothing.",
        Lines(rest_of(CONTEXT, _ASKED)),
        owns=(("contexts", name, "*"),),
    )


def _topic(context: str) -> str:
    return f"Context {context}"


def _purpose(name: str, subdomain: str, teams: Mapping[str, Any]) -> Iterator[Question]:
    yield _owned(
        name,
        "purpose",
        text=f"What is `{name}` for?",
        about="One sentence; if it needs an `and`, these may be two contexts.",
        form=Line(CONTEXT.entry("purpose").shape),
    )
    if teams:
        listed = tuple(teams)
        shape = Word(listed)
        default = name if name in teams else listed[0]
        form = Line(shape, required=True, choices=listed if len(listed) <= _MOST_CHOICES else ())
        text, about = f"Which team owns `{name}`?", "One team owns a context and all that runs of it."
        yield _owned(name, "team", text=text, about=about, form=form, default=default)
    about = "public and partner: through the gateway, with a user's token; internal: other services of the fleet only."
    form = Line(Word(EXPOSURES), required=True, choices=EXPOSURES)
    default = "public" if subdomain == "core" else "internal"
    yield _owned(name, "exposure", text=f"Who may call `{name}`?", about=about, form=form, default=default)


def _owned(name: str, key: str, *, text: str, about: str, form: Line, default: str = "") -> Question:
    return Question(f"contexts/{name}/{key}", _topic(name), text, about, form, default, (("contexts", name, key),))


def _aggregate(context: str, name: str, board: Board) -> Generator[Question, Any, None]:
    commands: Mapping[str, Any] = yield _of(
        context,
        name,
        "commands",
        text=f"What can be asked of `{name}`, and which event tells of it?",
        about="One command a line, the one that creates first, and what may follow it: inputs, states, a rejection.",
        form=Lines(MapOf(COMMAND_NAME, COMMAND), translate=quick.command),
        reminders=(
            f"`Place{name} -> {name}Placed | {name}Refused if size(lines) = 0`",
            f"`Cancel{name}(reason: string) from placed -> {name}Cancelled`",
        ),
    )
    board.add(commands)
    fields: Mapping[str, Any] = yield _of(
        context,
        name,
        "fields",
        text=f"What does `{name}` know?",
        about="Names and types: `customerId: uuid, total: money, lines: {list: OrderLine}`; and a key `id`.",
        form=Lines(FIELDS),
    )
    if _has_values(fields):
        yield _of(
            context,
            name,
            "values",
            text=f"What are the values in `{name}` made of?",
            about="The types that the fields name, one a line: `OrderLine: {product: string, quantity: int}`.",
            form=Lines(AGGREGATE.entry("values").shape),
        )
    yield _of(
        context,
        name,
        "states",
        text=f"Which states does `{name}` go through?",
        about="In order, between commas; a command leads to the state in which its event's name ends. May be empty.",
        form=Names(STATE_NAME),
        default=", ".join(_states(commands)),
    )
    yield _of(
        context,
        name,
        "queries",
        text=f"What can be read of `{name}`?",
        about="`Get…` gives one by its key, `Search…` many by their fields; between commas.",
        form=Names(Name("pascal", "query")),
        default=f"Get{name}",
    )
    yield Question(
        f"contexts/{context}/aggregates/{name}/more",
        _topic(context),
        f"Anything else about `{name}`?",
        "Keys of an aggregate as in fleet.yaml, one a line: `partition-by: customerId`, … Empty for nothing.",
        Lines(rest_of(AGGREGATE, _AGGREGATE_ASKED)),
        owns=(("contexts", context, "aggregates", name, "*"),),
    )


def _of(
    context: str,
    aggregate: str,
    key: str,
    *,
    text: str,
    about: str,
    form: Lines | Names,
    default: str = "",
    reminders: tuple[str, ...] = (),
) -> Question:
    place = ("contexts", context, "aggregates", aggregate, key)
    topic = _topic(context)
    return Question("/".join(place), topic, text, about, form, default, (place,), reminders=reminders)


def _has_values(fields: Mapping[str, Any]) -> bool:
    """Whether a field's type is a value's name, which begins with a capital."""

    def named(written: Any) -> bool:
        if isinstance(written, Mapping):
            return any(named(inner) for key, inner in written.items() if key != "renamed-from")
        return str(written)[:1].isupper()

    return any(named(each) for each in fields.values())


def _states(commands: Mapping[str, Any]) -> list[str]:
    """The last words of the events, where they say more than one thing."""
    found: dict[str, None] = {}
    for said in commands.values():
        rejection = said.get("or", {})
        for event in (said.get("emits", ""), *([rejection] if isinstance(rejection, str) else rejection)):
            found.update(dict.fromkeys(words(event)[-1:]))
    return [state for state in found if state.isalpha()] if len(found) > 1 else []
