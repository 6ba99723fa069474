"""C25: twenty clients start the same saga at once; there is one."""

from __future__ import annotations

import threading

from rig.fleet import Fleet
from rig.sagas import SAGA_SERVICES, Saga, euro, stock

CLIENTS = 20


def test_one_saga(fleet: Fleet) -> None:
    fleet.ensure(*SAGA_SERVICES)
    sku = stock(fleet, 30)
    customer = "018f3b6e-0000-7000-8000-000000000002"
    given = {"customerId": customer, "sku": sku, "quantity": 1, "amount": euro(100)}
    found: set[tuple[str, str]] = set()

    def start() -> None:
        reply = fleet.do("PlaceOrder", given, key=f"c25-{sku}")
        found.add((reply.headers["x-saga-id"], reply.json()["data"]["orderId"]))

    threads = [threading.Thread(target=start) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1, f"C25: {len(found)} sagas"
    ((saga, key),) = found
    Saga(fleet, saga, key).await_end("completed")
    assert fleet.sql("order", "SELECT count(*) FROM saga_instance WHERE business_key = %s", key) == [(1,)]
    assert fleet.sql("order", "SELECT count(*) FROM orders WHERE sku = %s", sku) == [(1,)]
    assert fleet.sql("inventory", "SELECT reserved FROM stocks WHERE sku = %s", sku) == [(1,)]
