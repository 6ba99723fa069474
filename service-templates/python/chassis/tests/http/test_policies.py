from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from chassis.domain import IllegalState, NotFound
from chassis.policies import apply_policy
from chassis.saga.bindings import Unbound
from chassis.testing import FakeWork, MemoryRepository
from chassis.values import Money
from chassis.work import MessageContext, SagaHeaders
from tiny_service import Order, OrderConfirmed, OrderPlaced, name, tiny_service

CUSTOMER = UUID(int=7)
SAGA = SagaHeaders(id=UUID(int=9), type="Checkout", step="Ship")
EVENT = {"shipmentId": str(UUID(int=3)), "orderId": str(UUID(int=2)), "customerId": str(CUSTOMER), "orders": []}


def order(number: int, state: str = "placed") -> Order:
    price = Money(100, "EUR")
    return Order(order_id=UUID(int=number), customer_id=CUSTOMER, quantity=1, price=price, email="e", state=state)


def source(*path: str, kind: str = "message") -> dict[str, Any]:
    return {"kind": kind, "message": "ShipmentLost" if kind == "message" else "", "path": path}


def policy(command: str, bindings: dict[str, Any], **more: Any) -> dict[str, Any]:
    bound = [{"input": each, "source": value} for each, value in bindings.items()]
    facts = {"name": name(f"{command}WhenShipmentLost"), "event": name("ShipmentLost"), "command": name(command)}
    return facts | {"bindings": bound} | more


class Work(FakeWork):
    """Keeps in which context each event was published."""

    def __init__(self, context: MessageContext, first_id: int) -> None:
        super().__init__(context, first_id)
        self.contexts: list[MessageContext] = []

    def publish(self, event: object, *, saga_headers: dict[str, str] | None = None) -> Any:
        self.contexts.append(self.context)
        return super().publish(event, saga_headers=saga_headers)


def follow(repository: MemoryRepository[Order], facts: dict[str, Any], event: dict[str, Any]) -> FakeWork:
    service = tiny_service(repository, policies=[facts])
    work = Work(MessageContext(correlation_id="c", saga=SAGA), first_id=100)
    apply_policy(service, service.definition.policies[0], event, work)
    assert all((context.correlation_id, context.saga) == ("c", None) for context in work.contexts)
    assert work.context.saga == SAGA, "as it was before"
    return work


def test_named_target() -> None:
    work = follow(
        MemoryRepository("order_id", [order(2)]), policy("ConfirmOrder", {"orderId": source("orderId")}), EVENT
    )
    assert work.published == [OrderConfirmed(order_id=UUID(int=2), customer_id=CUSTOMER)]


def test_named_target_must_take_the_command() -> None:
    facts = policy("ConfirmOrder", {"orderId": source("orderId")})
    with pytest.raises(IllegalState):
        follow(MemoryRepository("order_id", [order(2, "confirmed")]), facts, EVENT)
    with pytest.raises(NotFound):
        follow(MemoryRepository("order_id"), facts, EVENT)


def test_new_aggregate_from_event_and_literals() -> None:
    bindings = {
        "customerId": source("customerId"),
        "quantity": {"kind": "literal", "value": 3},
        "price": {"kind": "literal", "value": {"amount": 5, "currency": "EUR"}},
        "email": {"kind": "literal", "value": "x"},
    }
    (event,) = follow(MemoryRepository("order_id"), policy("PlaceOrder", bindings), EVENT).published
    assert isinstance(event, OrderPlaced)
    assert (event.customer_id, event.quantity) == (CUSTOMER, 3)


def test_for_each_item_in_the_order_of_keys() -> None:
    keys = [str(UUID(int=number)) for number in (5, 4, 6)]
    facts = policy("ConfirmOrder", {"orderId": source(kind="item")}, for_each=source("orders"))
    repository = MemoryRepository("order_id", [order(number) for number in (4, 5, 6)])
    work = follow(repository, facts, EVENT | {"orders": keys})
    assert [event.order_id.int for event in work.published] == [4, 5, 6]  # type: ignore[attr-defined]
    assert follow(repository, facts, EVENT).published == []


def test_found_targets_that_do_not_allow_it_are_passed_over() -> None:
    facts = policy("ConfirmOrder", {}, found_by="customerId", found_value=source("customerId"))
    other = replace(order(6), customer_id=UUID(int=8))
    repository = MemoryRepository("order_id", [order(5), order(4, "confirmed"), order(3), other])
    work = follow(repository, facts, EVENT)
    assert [event.order_id.int for event in work.published] == [3, 5]  # type: ignore[attr-defined]
    assert follow(MemoryRepository("order_id"), facts, EVENT).published == []


def test_event_without_the_field_it_needs() -> None:
    with pytest.raises(Unbound):
        follow(MemoryRepository("order_id"), policy("ConfirmOrder", {"orderId": source("nothing")}), EVENT)


def test_wiring_with_holes_is_refused() -> None:
    found = policy("ConfirmOrder", {}, found_by="customerId", found_value=source("customerId"))
    service = tiny_service(MemoryRepository("order_id"), policies=[found])
    for attribute in ("handlers", "messages", "finders"):
        with pytest.raises(ValueError, match=r"no (handler|message class|finder) for"):
            replace(service, **{attribute: {}})
