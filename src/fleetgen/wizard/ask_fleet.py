"""Questions about the whole: the business, what is replaced, who builds it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

from fleetgen.core.names import kebab
from fleetgen.spec.shape import Record
from fleetgen.spec.table.fleet import FLEET
from fleetgen.wizard.forms import Line, Lines
from fleetgen.wizard.question import Question

_ASKED = ("fleet", "domain", "vision", "organisation", "legacy", "evolution", "teams", "contexts", "sagas", "platform")


def rest_of(record: Record, asked: tuple[str, ...]) -> Record:
    """The keys of a record that have no question of their own."""
    entries = (replace(entry, required=False) for entry in record.entries if entry.key not in asked)
    return Record(record.title, tuple(entries))


def domain() -> Generator[Question, Any, str]:
    """What the fleet is about; returns its name."""
    name: str = yield _line("fleet", "What is the fleet called?", "It is part of topics, images and databases.", True)
    title = kebab(name).replace("-", " ").capitalize()
    yield _line("domain", "What business does it serve?", "In a few words, as you would tell a visitor.", default=title)
    yield _line(
        "vision", "What is it to achieve?", "One sentence that decides when two good ideas collide; may be empty."
    )
    organisation = "com.example." + "".join(part for part in kebab(name).split("-"))
    about = "A domain name read backwards: packages and types of events begin with it."
    yield _line("organisation", "Whose is it?", about, default=organisation)
    return name


def legacy() -> Generator[Question, Any, Mapping[str, Any]]:
    """What is replaced."""
    about = "One system a line: `shop-monolith: {url: http://monolith.internal}`; empty where all is new."
    found: Mapping[str, Any] = yield _lines("legacy", "Which systems does it replace?", about)
    return found


def teams() -> Generator[Question, Any, Mapping[str, Any]]:
    """Who builds it."""
    about = "One team a line, with its number of developers: `sales: 6`; each context will need one."
    found: Mapping[str, Any] = yield _lines("teams", "Which teams build it?", about, required=True)
    return found


def more(name: str) -> Generator[Question, Any, None]:
    """What has no question of its own."""
    yield Question(
        "more",
        "Anything else",
        f"Anything else about `{name}`?",
        "Keys as in fleet.yaml, one a line: externals, context-map, compliance, kpis, … Empty for nothing.",
        Lines(rest_of(FLEET, _ASKED)),
        owns=(("*",),),
    )


def _line(key: str, text: str, about: str, required: bool = False, default: str = "") -> Question:
    form = Line(FLEET.entry(key).shape, required=required)
    return Question(key, "Domain", text, about, form, default, owns=((key,),))


def _lines(key: str, text: str, about: str, *, required: bool = False) -> Question:
    form = Lines(FLEET.entry(key).shape, required=required)
    return Question(key, "Domain", text, about, form, owns=((key,),))
