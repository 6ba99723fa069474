"""Questions about what leads to what across contexts: policies and sagas."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fleetgen.spec.shape import Entry, ListOf, MapOf, Name, Record
from fleetgen.spec.table.aggregate import EVENT_NAME
from fleetgen.spec.table.context import POLICY
from fleetgen.spec.table.saga import SAGA, STEP
from fleetgen.wizard import quick
from fleetgen.wizard.ask_fleet import rest_of
from fleetgen.wizard.forms import Line, Lines, Names
from fleetgen.wizard.question import Question

_TOPIC = "What leads to what"
_STEPS = Record("saga", (Entry("steps", ListOf(STEP), "What is done"),))
_MODES = ("choreography", "orchestration")
_MOST = 6  # names that a reminder lists


@dataclass
class Board:
    """The commands and events that were named so far."""

    commands: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def add(self, commands: Mapping[str, Any]) -> None:
        """Learn what an aggregate's commands are."""
        for name, said in commands.items():
            self.commands.append(name)
            self.events.append(said.get("emits", ""))

    def reminders(self) -> tuple[str, ...]:
        """Some of what there is, for the person."""
        return f"Events: {_listed(self.events)}", f"Commands: {_listed(self.commands)}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MOST]) + (", …" if len(names) > _MOST else "")


def policies(board: Board) -> Iterator[Question]:
    """Whenever an event is seen, do a command."""
    if board.commands:
        yield Question(
            "policies",
            _TOPIC,
            "Which event leads to which command?",
            "One a line, within or across contexts: `OrderPlaced -> CreateShipment`; may be empty.",
            Lines(MapOf(EVENT_NAME, POLICY), several=True, translate=quick.policy),
            owns=(("contexts", "*", "policies"),),
            whole=True,
            reminders=board.reminders(),
        )


def sagas(board: Board) -> Generator[Question, Any, None]:
    """Business transactions."""
    if not board.commands:
        return
    names: list[str] = yield Question(
        "sagas",
        _TOPIC,
        "Which business transactions span several contexts?",
        "Names of sagas, between commas: `checkout`; they succeed as a whole or are undone. May be empty.",
        Names(Name("kebab", "saga")),
        owns=(("sagas",),),
    )
    for name in names:
        yield from _saga(name, board)


def _saga(name: str, board: Board) -> Iterator[Question]:
    place = ("sagas", name)
    topic = f"Saga {name}"
    yield Question(
        f"sagas/{name}/steps",
        topic,
        f"What is done in `{name}`?",
        "One step a line and how it is undone; after the pivot all must succeed.",
        Lines(_STEPS, required=True, several=True, translate=quick.step),
        owns=((*place, "steps"), place),
        whole=True,
        reminders=("`PlaceOrder / CancelOrder`, then `pivot TakePayment`, then `ConfirmOrder`", board.reminders()[1]),
    )
    about = "choreography: services react to each other; orchestration: the first step's service conducts."
    form = Line(SAGA.entry("mode").shape, required=True, choices=_MODES)
    yield Question(
        f"sagas/{name}/mode", topic, f"Who leads `{name}`?", about, form, "orchestration", ((*place, "mode"),)
    )
    about = "After this time it is undone, or stuck after the pivot: `30s`, `5m`, `2h`."
    yield Question(
        f"sagas/{name}/timeout",
        topic,
        f"How long may `{name}` take?",
        about,
        Line(SAGA.entry("timeout").shape),
        "5m",
        ((*place, "timeout"),),
    )
    yield Question(
        f"sagas/{name}/more",
        topic,
        f"Anything else about `{name}`?",
        "Keys of a saga as in fleet.yaml, one a line: stuck, waive. Empty for nothing.",
        Lines(rest_of(SAGA, ("steps", "mode", "timeout"))),
        owns=((*place, "*"),),
    )
