"""C23: an undo comes before its step, without it, together with it, or twice. Nothing may be left of the step."""

from __future__ import annotations

import json
import uuid

import pytest

from rig.bus import Record
from rig.fleet import Fleet
from rig.forge import headers_of
from rig.invariants import await_rest
from rig.sagas import CHEAP, SAGA_SERVICES, euro
from rig.waiting import until

COMMANDS, REPLIES = "probe.payment.commands", "probe.order.replies"


class Conductor:
    """One saga that the suite conducts itself."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.saga, self.order = fleet, str(uuid.uuid4()), str(uuid.uuid4())
        saga = next(saga for saga in fleet.local.sagas if saga.name.kebab == "fulfil")
        self.step = next(step for step in saga.steps if step.name == "AuthorizePayment")

    def send(self, direction: str) -> str:
        """A command; its id."""
        forward = direction == "forward"
        headers = headers_of(
            self.step.command_type if forward else self.step.undo_type, self.saga,
            **{
                "content-type": "application/json", "ce_sagaid": self.saga, "ce_sagatype": "fulfil",
                "ce_sagastep": self.step.name, "ce_sagadir": direction, "ce_replyto": REPLIES,
            },
        )  # fmt: skip
        data = {"orderId": self.order, "amount": euro(CHEAP)} if forward else {}
        self.fleet.bus.write(COMMANDS, self.saga, headers, json.dumps(data).encode())
        self.fleet.bus.flush()
        return headers["ce_id"]

    def reply(self, command: str) -> Record:
        """The answer to a command."""

        def found() -> Record | None:
            replies = self.fleet.bus.of(REPLIES, self.saga)
            return next((record for record in replies if record.headers.get("ce_causationid") == command), None)

        answer = until(found, "an answer", 30)
        assert answer is not None
        return answer

    def outcome(self, command: str) -> str:
        return self.reply(command).headers["ce_outcome"]

    @property
    def states(self) -> list[str]:
        query = "SELECT state FROM payments WHERE order_id = %s"
        return [state for (state,) in self.fleet.sql("payment", query, self.order)]


@pytest.fixture
def conductor(fleet: Fleet) -> Conductor:
    fleet.ensure(*SAGA_SERVICES)
    return Conductor(fleet)


def test_before_its_step(fleet: Fleet, conductor: Conductor) -> None:
    undo = conductor.send("compensate")
    assert conductor.outcome(undo) == "succeeded"
    late = conductor.send("forward")
    reply = conductor.reply(late)
    told = reply.headers["ce_outcome"], reply.headers.get("ce_retryable")
    assert told == ("failed", "false"), f"C23: the step that came behind its undo is answered with {told}"
    await_rest(fleet)
    assert conductor.states == [], "C23: the step that came late left an effect"


def test_without_its_step(fleet: Fleet, conductor: Conductor) -> None:
    assert conductor.outcome(conductor.send("compensate")) == "succeeded"
    assert conductor.outcome(conductor.send("compensate")) == "succeeded"
    await_rest(fleet)
    assert conductor.states == []


def test_after_its_step(fleet: Fleet, conductor: Conductor) -> None:
    assert conductor.outcome(conductor.send("forward")) == "succeeded"
    assert conductor.states == ["authorized"]
    assert conductor.outcome(conductor.send("compensate")) == "succeeded"
    await_rest(fleet)
    assert conductor.states == ["voided"]


@pytest.mark.parametrize("first", ["forward", "compensate"])
def test_together_with_its_step(fleet: Fleet, conductor: Conductor, first: str) -> None:
    order = ["forward", "compensate"] if first == "forward" else ["compensate", "forward"]
    commands = [conductor.send(direction) for direction in order * 2]
    for command in commands:
        conductor.reply(command)
    await_rest(fleet)
    assert "authorized" not in conductor.states, "C23: something of the step is left"


def test_the_same_command_twice(fleet: Fleet, conductor: Conductor) -> None:
    """Another attempt has another id; the step is done once, and both get the same answer."""
    first, second = conductor.send("forward"), conductor.send("forward")
    answers = [conductor.reply(first), conductor.reply(second)]
    assert {answer.headers["ce_outcome"] for answer in answers} == {"succeeded"}
    assert answers[0].value == answers[1].value
    assert conductor.states == ["authorized"]
    assert conductor.outcome(conductor.send("compensate")) == "succeeded"
    await_rest(fleet)
    assert conductor.states == ["voided"]
