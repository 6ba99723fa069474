"""What operators see and do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.domain import Conflict, IllegalState, NotFound
from chassis.saga import OperationRefused
from saga_fleet import Fleet

Make = Callable[..., Fleet]
BOTH = pytest.mark.parametrize("mode", ["orchestration", "choreography"])


def operate(fleet: Fleet, saga_id: UUID, op: Any, **more: Any) -> dict[str, Any]:
    version = fleet.order.admin.show(saga_id)["version"]
    given = {"actor": "ada", "reason": "because", "expected_version": version} | more
    return fleet.order.admin.operate(saga_id, op, **given)


@pytest.fixture(params=["orchestration", "choreography"])
def stuck(make_fleet: Make, request: pytest.FixtureRequest) -> tuple[Fleet, UUID]:
    """Stuck behind the pivot: the order cannot be confirmed."""
    fleet = make_fleet(request.param)
    fleet.plan(ConfirmOrder=[IllegalState("ConfirmOrder", "busy")] * 500)
    saga_id = fleet.place("a")
    assert fleet.wait_out(saga_id) == "stuck"
    return fleet, saga_id


@BOTH
def test_list_and_show(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    fleet.plan(CheckRisk=["refuse", "succeed", "succeed"])
    refused = fleet.place("a")
    fleet.settle()
    others = [fleet.place("a") for _ in range(2)]
    fleet.settle()
    admin = fleet.order.admin
    page = admin.list(limit=2)
    assert [item["sagaId"] for item in page["items"]] == [str(saga_id) for saga_id in reversed(others)]
    rest = admin.list(after=UUID(page["next"]), limit=2)
    assert [item["sagaId"] for item in rest["items"]] == [str(refused)]
    assert rest["next"] is None
    assert [item["sagaId"] for item in admin.list(status="compensated")["items"]] == [str(refused)]
    assert admin.list(saga_type="other")["items"] == []
    shown = admin.show(refused)
    assert shown["status"] == "compensated"
    assert shown["mode"] == mode
    assert {step["direction"] for step in shown["steps"]} == {"forward", "compensate"}
    with pytest.raises(NotFound):
        admin.show(uuid4())


def test_retry_completes_what_was_stuck(stuck: tuple[Fleet, UUID]) -> None:
    fleet, saga_id = stuck
    fleet.plan(ConfirmOrder="succeed")
    assert operate(fleet, saga_id, "retry")["status"] == "running"
    assert fleet.wait_out(saga_id) == "completed"
    assert fleet.effects()["ConfirmOrder"] == 1
    (action,) = fleet.order.admin.show(saga_id)["actions"]
    assert (action["op"], action["actor"], action["reason"]) == ("retry", "ada", "because")


def test_skip_goes_on_without_the_step(stuck: tuple[Fleet, UUID]) -> None:
    fleet, saga_id = stuck
    operate(fleet, saga_id, "skip")
    fleet.plan(ConfirmOrder="succeed")
    fleet.settle()
    fleet.pass_time(600)
    fleet.settle()
    assert fleet.status(saga_id) == "completed"
    assert fleet.effects()["ConfirmOrder"] == 0


def test_compensate_behind_the_pivot_by_force(stuck: tuple[Fleet, UUID]) -> None:
    fleet, saga_id = stuck
    with pytest.raises(OperationRefused):
        operate(fleet, saga_id, "compensate")
    operate(fleet, saga_id, "compensate", force=True)
    fleet.script.clear()
    with fleet.members["payment"].database.connection() as connection:  # what an operator must have seen to by hand
        connection.execute("UPDATE thing SET state = 'voided' WHERE kind = 'payment'")
    assert fleet.wait_out(saga_id) == "compensated"
    assert fleet.amount("a") == 10
    assert fleet.effects()["CancelOrder"] == 1
    assert fleet.effects()["ConfirmOrder"] == 0


def test_abort_leaves_everything_as_it_is(stuck: tuple[Fleet, UUID]) -> None:
    fleet, saga_id = stuck
    assert operate(fleet, saga_id, "abort")["status"] == "aborted"
    before = fleet.effects()
    fleet.plan(ConfirmOrder="succeed")
    fleet.settle()
    fleet.pass_time(1000)
    fleet.settle()
    assert fleet.effects() == before
    assert len(fleet.sent("fleet.saga.aborted.v1")) == 1
    with pytest.raises(OperationRefused):
        operate(fleet, saga_id, "retry")


@BOTH
def test_abort_while_running_is_heard_by_all(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    saga_id = fleet.place("a")
    operate(fleet, saga_id, "abort")
    fleet.settle()
    assert fleet.status(saga_id) == "aborted"
    effects = fleet.effects()
    assert effects["CapturePayment"] == effects["CancelOrder"] == 0


@BOTH
def test_compensate_while_running(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    saga_id = fleet.place("a")
    operate(fleet, saga_id, "compensate")
    assert fleet.wait_out(saga_id) == "compensated"
    effects = fleet.effects()
    assert effects["AuthorizePayment"] == effects["VoidPayment"]
    assert effects["CancelOrder"] == 1
    assert fleet.amount("a") == 10


def test_a_stale_version_is_refused(stuck: tuple[Fleet, UUID]) -> None:
    fleet, saga_id = stuck
    version = fleet.order.admin.show(saga_id)["version"]
    with pytest.raises(Conflict):
        operate(fleet, saga_id, "retry", expected_version=version - 1)
    assert fleet.order.admin.show(saga_id)["actions"] == []
    assert fleet.status(saga_id) == "stuck"


def test_the_same_operation_twice_is_done_once(stuck: tuple[Fleet, UUID]) -> None:
    fleet, saga_id = stuck
    version = fleet.order.admin.show(saga_id)["version"]
    first = operate(fleet, saga_id, "retry", expected_version=version)
    again = operate(fleet, saga_id, "retry", expected_version=version)
    assert again == first
    assert len(first["actions"]) == 1
    with pytest.raises(Conflict):
        operate(fleet, saga_id, "retry", expected_version=version, actor="bob")


def test_a_refused_operation_leaves_no_trace(stuck: tuple[Fleet, UUID]) -> None:
    fleet, saga_id = stuck
    before = fleet.order.admin.show(saga_id)
    with pytest.raises(OperationRefused):
        operate(fleet, saga_id, "compensate")
    assert fleet.order.admin.show(saga_id) == before


def test_operations_on_what_is_not_there(make_fleet: Make) -> None:
    admin = make_fleet("orchestration").order.admin
    with pytest.raises(NotFound):
        admin.operate(uuid4(), "abort", actor="ada", reason="because", expected_version=0)
