"""Commands in a unit of work, and the sagas that begin with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chassis.definition import Saga
from chassis.domain import Conflict
from chassis.execute import Executed, execute
from chassis.message import InvalidMessage
from chassis.service import Service
from chassis.testing import FakeWork, MemoryRepository
from chassis.work import MessageContext, SagaHeaders, UnitOfWork
from tiny_parts import CUSTOMER, Parts, parts_on, placing
from tiny_service import OrderConfirmed, OrderPlaced, facts, name, tiny_service

CHECKOUT = {
    "name": name("Checkout"),
    "mode": "choreography",
    "owner": "order",
    "version": 1,
    "timeout": 300.0,
    "stuck": "alert",
    "steps": [],
    "fulfilment_topic": "tiny.order.fulfilment",
}
LIVE = UUID(int=99)


def starting() -> dict[str, Any]:
    """Facts in which `PlaceOrder` starts a saga."""
    content = facts()
    content["commands"][0]["starts"] = "Checkout"
    return {"commands": content["commands"], "sagas": [CHECKOUT]}


class Sagas:
    """Notes what was begun; `live` is the saga that runs already, if one does."""

    def __init__(self, live: UUID | None = None) -> None:
        self.begun: list[tuple[str, UUID, dict[str, Any], str]] = []
        self.performed: list[tuple[str, SagaHeaders | None]] = []
        self.live = live
        self.refuse: Exception | None = None

    def start(
        self, work: UnitOfWork, saga: Saga, saga_id: UUID, payload: Mapping[str, Any], executed: Executed
    ) -> UUID:
        self.begun.append((saga.name.text, saga_id, dict(payload), executed.event_name))
        return self.live or saga_id

    def perform(self, name: str, payload: Mapping[str, Any], work: UnitOfWork) -> Executed:
        if self.refuse:
            raise self.refuse
        self.performed.append((name, work.context.saga))
        return Executed("OrderConfirmed", {"orderId": payload["orderId"], "customerId": CUSTOMER}, rejected=False)


class SagaWork(FakeWork):
    """Keeps the saga that each event was published for."""

    def __init__(self, context: MessageContext | None = None) -> None:
        super().__init__(context)
        self.sagas: list[SagaHeaders | None] = []

    def publish(self, event: object, *, saga_headers: dict[str, str] | None = None) -> Any:
        self.sagas.append(self.context.saga)
        return super().publish(event, saga_headers=saga_headers)


def service(**more: Any) -> Service:
    return tiny_service(MemoryRepository("order_id"), **more)


def test_event_is_published_and_given_back_as_on_the_wire() -> None:
    work = FakeWork()
    executed = execute(service(), "PlaceOrder", placing(), work)
    (event,) = work.published
    assert isinstance(event, OrderPlaced)
    assert (executed.event_name, executed.rejected, executed.saga_id) == ("OrderPlaced", False, None)
    assert executed.event_wire == {"orderId": str(event.order_id), **placing()}


def test_payload_that_does_not_fit_reaches_no_handler() -> None:
    work = FakeWork()
    with pytest.raises(InvalidMessage):
        execute(service(), "PlaceOrder", {}, work)
    assert work.published == []


@pytest.mark.parametrize("returned", [None, (), (None,), "text", OrderConfirmed(order_id=LIVE, customer_id=LIVE)])
def test_handler_that_returns_something_else_is_a_bug(returned: Any) -> None:
    faulty = service()
    faulty = replace(faulty, handlers={**faulty.handlers, "PlaceOrder": lambda command, work: returned})
    with pytest.raises(TypeError):
        execute(faulty, "PlaceOrder", placing(), FakeWork())


def test_first_command_starts_its_saga_and_its_event_belongs_to_it() -> None:
    sagas, work = Sagas(), SagaWork()
    executed = execute(service(**starting()), "PlaceOrder", placing(), work, sagas=sagas)
    ((begun, saga_id, payload, event),) = sagas.begun
    assert (begun, payload, event, executed.saga_id) == ("Checkout", placing(), "OrderPlaced", saga_id)
    assert work.sagas == [SagaHeaders(id=saga_id, type="Checkout", step="PlaceOrder", version=1)]
    assert work.context.saga is None


def test_live_saga_of_the_same_aggregate_is_joined() -> None:
    work = SagaWork()
    assert execute(service(**starting()), "PlaceOrder", placing(), work, sagas=Sagas(LIVE)).saga_id == LIVE
    assert [saga.id for saga in work.sagas if saga] == [LIVE]


def test_no_saga_from_a_rejection_or_within_another() -> None:
    sagas, work = Sagas(), SagaWork()
    assert execute(service(**starting()), "PlaceOrder", placing(quantity=100), work, sagas=sagas).rejected
    step = SagaHeaders(id=LIVE, type="Other", step="PlaceOrder")
    inside = SagaWork(MessageContext(saga=step))
    assert execute(service(**starting()), "PlaceOrder", placing(), inside, sagas=sagas).saga_id is None
    assert sagas.begun == []
    assert (work.sagas, inside.sagas) == ([None], [step])


@pytest.fixture
def parts(database_url: str, tmp_path: Path) -> Iterator[Parts]:
    with parts_on(database_url, tmp_path, **starting()) as parts:
        yield parts


def with_sagas(parts: Parts, sagas: Sagas, kind: str = "service") -> Parts:
    def authenticate(authorization: str | None) -> Any:
        return replace(parts.ports.authenticate(authorization), kind=kind)

    return replace(parts, ports=replace(parts.ports, sagas=sagas, steps=sagas, authenticate=authenticate))


def test_answer_names_the_saga_and_so_does_its_replay(parts: Parts) -> None:
    sagas = Sagas()
    parts = with_sagas(parts, sagas)
    first = parts.command("PlaceOrder", placing(), key="k")
    again = parts.command("PlaceOrder", placing(), key="k")
    assert first.headers["x-saga-id"] == again.headers["x-saga-id"] == str(sagas.begun[0][1])
    assert len(sagas.begun) == 1
    ((headers,),) = parts.rows("SELECT headers FROM outbox")
    assert (headers["ce_sagaid"], headers["ce_sagastep"]) == (first.headers["x-saga-id"], "PlaceOrder")


def test_saga_step_over_http_goes_behind_the_barrier(parts: Parts) -> None:
    sagas = Sagas()
    order = {"orderId": str(UUID(int=3))}
    step = {"x_saga_id": str(LIVE), "x_saga_type": "Checkout", "x_saga_step": "ConfirmOrder", "x_saga_part": "1/2"}
    answer = with_sagas(parts, sagas).command("ConfirmOrder", {}, path=order, **step)
    assert (answer.status, answer.body["event"]) == (200, "OrderConfirmed")
    assert sagas.performed == [("ConfirmOrder", SagaHeaders(id=LIVE, type="Checkout", step="ConfirmOrder", part="1/2"))]
    sagas.refuse = Conflict("ConfirmOrder is closed")
    assert with_sagas(parts, sagas).command("ConfirmOrder", {}, path=order, **step).status == 409


def test_only_services_speak_for_a_saga(parts: Parts) -> None:
    """A user who sends the headers of a saga gets a saga of their own, not a part in that one."""
    sagas = Sagas()
    step = {"x_saga_id": str(LIVE), "x_saga_type": "Checkout", "x_saga_step": "PlaceOrder"}
    answer = with_sagas(parts, sagas, kind="user").command("PlaceOrder", placing(), **step)
    assert answer.headers["x-saga-id"] not in ("", str(LIVE))
    assert sagas.performed == []
