"""C27: nobody conducts, and still refused halves are undone in reverse; a death between two steps changes nothing."""

from __future__ import annotations

import uuid

import pytest

from rig.bus import firsts, name_of
from rig.fleet import Fleet
from rig.invariants import await_rest
from rig.sagas import DEAR, SAGA_SERVICES, Saga, errand, rack
from rig.waiting import until

WELL = ("ErrandBegun", "MoneyPledged", "RackTaken", "CourierSent", "ErrandFinished")
SHORT = ("ErrandBegun", "MoneyPledged", "RackRefused", "PledgeReturned", "ErrandDropped")
DENIED = ("ErrandBegun", "PledgeDenied", "ErrandDropped")


def each_once(fleet: Fleet, saga: Saga, names: tuple[str, ...]) -> None:
    await_rest(fleet)
    found = [record for record in firsts(fleet.bus.read()) if record.headers.get("ce_sagaid") == saga.id]
    told = sorted(name for record in found if (name := name_of(record.ce_type)) in {*WELL, *SHORT, *DENIED})
    assert told == sorted(names), f"C27: {told}"


def test_refused_by_the_second(fleet: Fleet) -> None:
    fleet.ensure(*SAGA_SERVICES)
    saga = errand(fleet, rack(fleet, 3), amount=DEAR).await_end("compensated")
    each_once(fleet, saga, DENIED)


def test_refused_by_the_third(fleet: Fleet) -> None:
    fleet.ensure(*SAGA_SERVICES)
    saga = errand(fleet, rack(fleet, 1), quantity=2).await_end("compensated")
    each_once(fleet, saga, SHORT)
    rows = fleet.sql("payment", "SELECT state FROM pledges WHERE errand_id = %s", uuid.UUID(saga.key))
    assert rows == [("returned",)], f"C27: {rows}"


DEATHS = [
    ("payment", "saga.after_reply_commit@PledgeMoney", 3, WELL),
    ("payment", "saga.after_compensate_commit@PledgeMoney", 1, SHORT),
    ("inventory", "barrier.after_insert@TakeFromRack", 3, WELL),
    ("order", "saga.after_reply_commit@FinishErrand", 3, WELL),
    ("order", "saga.after_compensate_commit@BeginErrand", 1, SHORT),
    ("shipping", "saga.after_reply_commit@SendCourier", 3, WELL),
]


@pytest.mark.parametrize(
    ("service", "point", "free", "told"),
    [case if number < 2 else pytest.param(*case, marks=pytest.mark.full) for number, case in enumerate(DEATHS)],
)
def test_a_death_between_two_steps(fleet: Fleet, service: str, point: str, free: int, told: tuple[str, ...]) -> None:
    fleet.ensure(*SAGA_SERVICES)
    sku, victim = rack(fleet, free), fleet.one(service)
    victim.at_points(crash_at=point)
    saga = errand(fleet, sku, quantity=2)
    victim.await_crash()
    fleet.replace(victim)
    saga.await_end("completed" if told is WELL else "compensated")
    each_once(fleet, saga, told)


def test_many_at_once(fleet: Fleet) -> None:
    fleet.ensure(*SAGA_SERVICES)
    sku = rack(fleet, 4)
    sagas = [errand(fleet, sku) for _ in range(8)]
    until(lambda: all(saga.status in ("completed", "compensated") for saga in sagas), "all have ended", 90)
    assert sum(saga.status == "completed" for saga in sagas) == 4
    assert fleet.sql("inventory", "SELECT free FROM racks WHERE sku = %s", sku) == [(0,)]
