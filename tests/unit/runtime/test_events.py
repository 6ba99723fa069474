import typing

import pytest

from fleetgen.runtime.events import (
    Crashed,
    Event,
    Failed,
    FleetReady,
    Note,
    Preparing,
    Ready,
    Reloading,
    Started,
    Stopped,
    Waiting,
)  # fmt: skip
from fleetgen.runtime.options import UpOptions
from fleetgen.runtime.running import event_of, text_of

EVENTS: list[Event] = [
    Note("a"), Preparing("b"), Started("order", 1, (2, 3)), Waiting(("order", "payment"), 1.5), Ready("order", 0.5, "http://x"),
    Crashed("order", -9, 0.2, ("last", "words")), Reloading("order", ("a.py",)), Stopped("order"),
    FleetReady(1.0, 2.0, (("order", "http://x"),)), Failed("no", "do"),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_detached_supervisor_tells_the_same_event(event: Event) -> None:
    assert event_of(text_of(event)) == event


def test_every_event_is_covered() -> None:
    assert {type(event) for event in EVENTS} == set(typing.get_args(Event))


def test_options_reach_a_detached_supervisor() -> None:
    options = UpOptions(only=("order",), broker="mock", reload=False, environment={"*": {"A": "b"}})
    assert UpOptions.from_json(options.to_json()) == options
