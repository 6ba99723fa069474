"""C21: whoever conducts a saga dies between any two of its own steps; it ends all the same, each effect once."""

from __future__ import annotations

import pytest

from rig.bus import firsts, name_of
from rig.fleet import Fleet
from rig.invariants import await_rest
from rig.players import Players
from rig.sagas import DEAR, SAGA_SERVICES, Saga, order, rush, stock
from rig.waiting import until

GOES_WELL = ["saga.after_start@PlaceOrder"] + [
    f"saga.after_reply_commit@{step}" for step in ("AuthorizePayment", "ReserveStock", "SendParcel", "ConfirmOrder")
]
TURNS_ROUND = ["saga.after_reply_commit@ReserveStock"] + [
    f"saga.after_compensate_commit@{step}" for step in ("AuthorizePayment", "PlaceOrder")
]
QUICK = {"saga.after_start@PlaceOrder", "saga.after_reply_commit@ReserveStock"}


def cases(points: list[str], also: str = "") -> list:
    return [
        point if point in QUICK or point == also else pytest.param(point, marks=pytest.mark.full) for point in points
    ]


def dies(fleet: Fleet, sku: str, point: str, quantity: int) -> Saga:
    victim = fleet.one("order")
    victim.at_points(crash_at=point)
    key = f"c21-{sku}-{point}-{quantity}"
    given = dict(customerId=CUSTOMER, sku=sku, quantity=quantity, amount={"amount": 1200, "currency": "EUR"})
    reply = fleet.ask("PlaceOrder", given, key=key)
    victim.await_crash()
    fleet.replace(victim)
    if reply is None:  # it died before it answered; the same request again tells of the same saga
        reply = fleet.do("PlaceOrder", given, key=key)
    return Saga(fleet, reply.headers["x-saga-id"], reply.json()["data"]["orderId"])


def each_once(fleet: Fleet, saga: Saga, names: list[str]) -> None:
    await_rest(fleet)
    found = [r for r in firsts(fleet.bus.read()) if r.headers.get("ce_sagaid") == saga.id and not r.is_reply]
    events = sorted(name for r in found if (name := name_of(r.ce_type)) in EVENTS)
    assert events == sorted(names), f"C21: the participants' events: {events}"


@pytest.mark.parametrize("point", cases(GOES_WELL))
def test_on_the_way_forward(fleet: Fleet, point: str) -> None:
    fleet.ensure(*SAGA_SERVICES)
    saga = dies(fleet, stock(fleet, 9), point, 2).await_end("completed")
    each_once(fleet, saga, ["OrderPlaced", "PaymentAuthorized", "StockReserved", "ParcelSent", "OrderConfirmed"])


@pytest.mark.parametrize("point", cases(TURNS_ROUND, "saga.after_compensate_commit@AuthorizePayment"))
def test_on_the_way_back(fleet: Fleet, point: str) -> None:
    fleet.ensure(*SAGA_SERVICES)
    saga = dies(fleet, stock(fleet, 1), point, 2).await_end("compensated")
    each_once(fleet, saga, ["OrderPlaced", "PaymentAuthorized", "StockRefused", "PaymentVoided", "OrderCancelled"])
    saga.undone_in_reverse()


def test_a_participant_dies_behind_its_effect(fleet: Fleet) -> None:
    fleet.ensure(*SAGA_SERVICES)
    sku = stock(fleet, 9)
    victim = fleet.one("payment")
    victim.at_points(crash_at="barrier.after_insert")
    saga = order(fleet, sku, amount=1300)
    victim.await_crash()
    fleet.replace(victim)
    saga.await_end("completed")
    assert order(fleet, sku, amount=DEAR).await_end("compensated")


def test_a_timer_is_taken_by_one_who_dies(fleet: Fleet) -> None:
    """The saga `rush` waits for participants that do not run, so its timers are due."""
    fleet.only("order")
    victim = fleet.one("order")
    victim.at_points(crash_at="saga.timer_claimed")
    saga = rush(fleet)
    victim.await_crash()
    fleet.replace(victim)
    players = Players(fleet)
    players.follow(saga.id, {("AuthorizePayment", False): ["silent"] * 9})
    until(lambda: saga.steps()["AuthorizePayment", "forward"][1] >= 2, "the timer fires in the next life", 20)
    try:
        saga.await_end("compensated", 60)
    finally:
        players.stop()


CUSTOMER = "018f3b6e-0000-7000-8000-000000000001"
EVENTS = {
    "OrderPlaced", "PaymentAuthorized", "PaymentDeclined", "StockReserved", "StockRefused", "ParcelSent",
    "OrderConfirmed", "PaymentVoided", "StockReleased", "OrderCancelled",
}  # fmt: skip
