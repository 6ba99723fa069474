"""C19: a saga goes well: every step once, in order, and every message names its cause."""

from __future__ import annotations

from rig.bus import firsts, name_of
from rig.fleet import Fleet
from rig.sagas import SAGA_SERVICES, Saga, errand, order, rack, stock

FORWARD = ("PlaceOrder", "AuthorizePayment", "ReserveStock", "SendParcel", "ConfirmOrder")


def messages(fleet: Fleet, saga: Saga) -> list[str]:
    found = [record for record in firsts(fleet.bus.read()) if record.headers.get("ce_sagaid") == saga.id]
    return [name_of(record.ce_type) for record in found if not record.is_reply]


def test_conducted(fleet: Fleet) -> None:
    fleet.ensure(*SAGA_SERVICES)
    saga = order(fleet, stock(fleet, 5), quantity=2).await_end("completed")
    steps = saga.steps()
    assert [steps[name, "forward"][0] for name in FORWARD] == ["succeeded"] * 5
    assert not [name for name, way in steps if way == "compensate"]
    assert fleet.sql("order", "SELECT state FROM orders WHERE id = %s", saga.key) == [("confirmed",)]
    records = [record for record in firsts(fleet.bus.read()) if record.headers.get("ce_sagaid") == saga.id]
    by_id = {record.ce_id: record for record in records}
    last = next(record for record in records if record.is_reply and record.headers["ce_sagastep"] == "ConfirmOrder")
    chain = [last]
    while (cause := by_id.get(chain[-1].headers.get("ce_causationid", ""))) is not None:
        chain.append(cause)
    told = [record.headers["ce_sagastep"] for record in reversed(chain)]
    assert list(dict.fromkeys(told)) == list(FORWARD[1:]), f"the chain of causes is {told}"
    assert len({record.headers["ce_correlationid"] for record in records}) == 1


def test_choreographed(fleet: Fleet) -> None:
    fleet.ensure(*SAGA_SERVICES)
    saga = errand(fleet, rack(fleet, 3)).await_end("completed")
    assert fleet.sql("order", "SELECT state FROM errands WHERE id = %s", saga.key) == [("finished",)]
    told = [name for name in messages(fleet, saga) if name in EVENTS]
    assert sorted(told) == sorted(EVENTS), f"each event once: {told}"


EVENTS = ("ErrandBegun", "MoneyPledged", "RackTaken", "CourierSent", "ErrandFinished")
