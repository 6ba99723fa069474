"""The doubles that a service's own tests stand on behave like what they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chassis.domain import Conflict, NotFound
from chassis.message import InvalidMessage
from chassis.testing import ApiClient, FakeWork, MemoryRepository
from chassis.values import Money
from chassis.work import UnitOfWork
from tiny_parts import CUSTOMER, orders, parts_on, placing
from tiny_service import Order, tiny_service


def order(number: int, quantity: int = 1) -> Order:
    price = Money(100, "EUR")
    return Order(order_id=UUID(int=number), customer_id=UUID(CUSTOMER), quantity=quantity, price=price, email="e")


@pytest.fixture(params=["memory", "table"])
def both(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[tuple[Any, UnitOfWork]]:
    """The repository in memory and the one on a table, each with a unit of work."""
    if request.param == "memory":
        yield MemoryRepository[Order](key="order_id"), FakeWork()
        return
    with parts_on(database_url, tmp_path) as parts, parts.database.work() as work:
        yield orders(), work


def test_repositories_agree(both: tuple[Any, UnitOfWork]) -> None:
    repository, work = both
    for number in (3, 1, 2, 4):
        repository.add(work, order(number, quantity=number % 2))
    with pytest.raises(Conflict):
        repository.add(work, order(1))
    with pytest.raises(NotFound, match="Order"):
        repository.get(work, UUID(int=9))
    with pytest.raises(NotFound):
        repository.save(work, order(9))
    assert repository.read(work, UUID(int=2)) == repository.get(work, UUID(int=2)) == order(2, 0)
    repository.save(work, order(2, 7))
    assert repository.get(work, UUID(int=2)).quantity == 7
    assert list(repository.find(work, "quantity", 1)) == [UUID(int=1), UUID(int=3)]
    assert list(repository.find(work, "customerId", CUSTOMER)) == [UUID(int=number) for number in (1, 2, 3, 4)]
    first = repository.page(work, {"quantity": None, "customer_id": UUID(CUSTOMER)}, None, 2)
    assert ([item.order_id.int for item in first.items], first.next) == ([1, 2], str(UUID(int=2)))
    last = repository.page(work, {}, first.next, 2)
    assert ([item.order_id.int for item in last.items], last.next) == ([3, 4], None)
    with pytest.raises(InvalidMessage):
        repository.page(work, {}, "nonsense", 2)


def test_error_takes_back_what_was_stored_and_published() -> None:
    repository, work = MemoryRepository[Order](key="order_id", stored=[order(1)]), FakeWork()
    with pytest.raises(RuntimeError), work.nested():
        repository.add(work, order(2))
        repository.save(work, order(1, 5))
        work.publish("event")
        raise RuntimeError
    assert (len(repository), repository.get(work, UUID(int=1)).quantity, work.published) == (1, 1, [])


def test_failed_request_takes_back_what_it_stored() -> None:
    class Failing(MemoryRepository[Order]):
        def add(self, work: UnitOfWork, state: Order) -> None:
            super().add(work, state)
            raise RuntimeError

    repository = Failing(key="order_id")
    client = ApiClient(tiny_service(repository))
    assert client.post("/orders", placing(), idempotency_key="k").status_code == 500
    assert (len(repository), client.published) == (0, [])


def test_keys_that_count_are_sorted_as_numbers() -> None:
    @dataclass(frozen=True)
    class Seat:
        number: int

    repository, work = MemoryRepository(key="number", stored=[Seat(number) for number in (10, 9, 2)]), FakeWork()
    assert [seat.number for seat in repository.page(work, {}, "2", 5).items] == [9, 10]


def test_new_ids_are_reproducible() -> None:
    assert [FakeWork().new_id() for _ in range(2)] == [UUID("00000000-0000-7000-8000-000000000001")] * 2
