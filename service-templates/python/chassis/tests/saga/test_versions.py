"""A running saga keeps the definition it began with; a service that could not carry it on does not start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.definition import Definition, Saga
from chassis.saga import SagaDefinitionMismatch, definitions
from chassis.saga.flows import Flows
from saga_fleet import Fleet, Member, definition, saga

Make = Callable[..., Fleet]
BOTH = pytest.mark.parametrize("mode", ["orchestration", "choreography"])


def without(facts: dict[str, Any], *names: str) -> dict[str, Any]:
    return facts | {"steps": [step for step in facts["steps"] if step["name"] not in names]}


def change(fleet: Fleet, facts: dict[str, Any]) -> None:
    """Deploy other definitions to all services."""
    fleet.facts = facts
    for service in fleet.members:
        start(fleet.restart(service))


def start(member: Member) -> None:
    """As a service does when it starts."""
    with member.database.work() as work:
        member.engine.check(work)
    dispatch = type(member.inbox.dispatch)()
    member.inbox.dispatch = dispatch.merged(member.engine.handlers()).merged(member.engine.command_handlers())


@BOTH
@pytest.mark.parametrize("refusing", ["", "CapturePayment"])
def test_running_saga_keeps_its_steps_when_a_version_without_some_is_deployed(
    make_fleet: Make, mode: str, refusing: str
) -> None:
    fleet = make_fleet(mode)
    for member in fleet.members.values():
        start(member)
    old = fleet.place("a")
    fleet.settle(without=("stock",))  # waits for its third step
    change(fleet, without(fleet.facts, "CheckRisk") | {"version": 2})
    if refusing:
        fleet.plan(CapturePayment=["refuse"] * 2)
    young = fleet.place("b")
    fleet.settle()
    ends = "compensated" if refusing else "completed"
    assert (fleet.status(old), fleet.status(young)) == (ends, ends)
    assert fleet.effects()["CheckRisk"] == 1, "of the old one alone"
    assert fleet.effects()["CloseCase"] == (1 if refusing else 0)
    query = "SELECT saga_id, definition_version FROM saga_instance"
    assert dict(fleet.order.rows(query)) == {old: 1, young: 2}
    shown = fleet.order.admin.show(old)
    assert shown["definitionVersion"] == 1
    sent = {record.headers.get("ce_sagaversion") for record in fleet.bus if "ce_sagaid" in record.headers}
    assert sent == {"1", "2"}


@BOTH
def test_step_that_is_removed_from_a_live_version_keeps_the_service_from_starting(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    start(fleet.order)
    fleet.place("a")
    fleet.facts = without(fleet.facts, "CheckRisk")
    with pytest.raises(SagaDefinitionMismatch, match="fulfil version 1: steps CheckRisk were removed"):
        start(fleet.restart("order"))
    fleet.facts = fleet.facts | {"version": 2}
    start(fleet.restart("order"))


def test_version_without_live_sagas_may_change_at_will(make_fleet: Make) -> None:
    fleet = make_fleet("orchestration")
    start(fleet.order)
    saga_id = fleet.place("a")
    fleet.settle()
    assert fleet.status(saga_id) == "completed"
    fleet.facts = without(fleet.facts, "CheckRisk")
    start(fleet.restart("order"))
    assert len(fleet.order.rows("SELECT 1 FROM saga_definition")) == 1


STEPS = tuple(step["name"] for step in saga("orchestration")["steps"])


def built(names: tuple[str, ...], version: int = 1) -> Definition:
    facts = saga("orchestration") | {"version": version}
    by_name = {step["name"]: step for step in facts["steps"]}
    return definition("order", facts | {"steps": [by_name[name] for name in names]})


@given(before=st.permutations(STEPS), kept=st.integers(1, len(STEPS)), after=st.permutations(STEPS))
def test_of_a_live_version_steps_may_only_be_added_behind(
    before: tuple[str, ...], kept: int, after: tuple[str, ...]
) -> None:
    was, now = built(tuple(before[:kept])), built(tuple(after))
    known: dict[definitions.Version, Saga] = {("fulfil", 1): was.sagas[0]}
    found = list(definitions.faults(now, known, {("fulfil", 1): ()}))
    assert bool(found) == (tuple(after[:kept]) != tuple(before[:kept]))


def test_what_an_old_version_needs_must_still_be_there() -> None:
    now = built(STEPS[:3], version=2)
    known = {("fulfil", 1): built(STEPS).sagas[0]}
    live: dict[definitions.Version, frozenset[str]] = {("fulfil", 1): frozenset()}
    assert list(definitions.faults(now, known, live)) == []
    commands = tuple(each for each in now.foreign_commands if each.name.text != "CheckRisk")
    poorer = Definition.model_validate(now.model_dump(exclude={"foreign_commands"}) | {"foreign_commands": commands})
    assert list(definitions.faults(poorer, known, live)) == ["fulfil version 1: CheckRisk are not known any more"]
    assert list(definitions.faults(now, {}, {("other", 7): frozenset()})) == [
        "other version 7: its definition is not known"
    ]


def test_message_finds_its_version() -> None:
    flows = Flows(built(STEPS[:3], version=3).sagas)
    flows.keep(built(STEPS, version=1).sagas[0])
    flows.keep(built(STEPS[:4], version=2).sagas[0])

    def version(step: str, named: int) -> int:
        flow = flows.at("fulfil", step, named)
        return flow.saga.version if flow else 0

    assert [version(STEPS[0], named) for named in (0, 1, 2, 3, 9)] == [3, 1, 2, 3, 3]
    assert [version(STEPS[3], named) for named in (0, 1, 3)] == [2, 1, 2]
    assert version("Unheard", 0) == 0
    assert flows.at("other", STEPS[0]) is None
