"""Crashes between and within transactions, restarts over deadlines: nothing is lost, nothing is done twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import pytest

from chassis.saga import participation
from saga_fleet import Fleet

Make = Callable[..., Fleet]
BOTH = pytest.mark.parametrize("mode", ["orchestration", "choreography"])
LABELS = ("saga.", "barrier.", "tx.", "inbox.")
FORWARD = Counter(AuthorizePayment=1, CheckRisk=1, PlaceOrder=1, ReserveStock=1)
ENDS = {
    "completed": FORWARD + Counter(CapturePayment=1, ConfirmOrder=1),
    "compensated": FORWARD + Counter(VoidPayment=1, CloseCase=1, CancelOrder=1, ReleaseStock=1),
}


def prepare(fleet: Fleet, end: str) -> None:
    fleet.plan(CapturePayment=["refuse"] * 3 if end == "compensated" else "succeed")


def passages(fleet: Fleet, end: str) -> list[tuple[str, str]]:
    """Every labelled point that such a saga passes."""
    prepare(fleet, end)
    with fleet.killing("nowhere") as seen:
        saga_id = fleet.place("a")
        fleet.settle()
    assert fleet.status(saga_id) == end
    return sorted(at for at in seen if at[0].startswith(LABELS))


@pytest.mark.parametrize("end", ["completed", "compensated"])
@pytest.mark.parametrize(("mode", "call"), [("orchestration", False), ("orchestration", True), ("choreography", False)])
def test_a_crash_at_every_labelled_point(make_fleet: Make, mode: str, end: str, call: bool) -> None:
    fleet = make_fleet(mode, call=call)
    fleet.put("stock", "a", 1000)
    points = passages(fleet, end)
    assert {label for label, _ in points} >= {"saga.after_start", "saga.after_reply_commit", "barrier.after_insert"}
    runs = 1
    for label, detail in points:
        prepare(fleet, end)
        with fleet.killing(label, detail) as seen:
            saga_id = fleet.place("a")
            fleet.settle()
        runs += 1
        assert seen["died", ""] == 1, (label, detail)
        status = fleet.status(saga_id) if not call else fleet.wait_out(saga_id)
        assert status == end, (label, detail)
        assert fleet.effects() == Counter({name: runs * n for name, n in ENDS[end].items()}), (label, detail)
    assert fleet.parked() == []
    assert fleet.amount("a") == (1000 if end == "compensated" else 1000 - runs)


@BOTH
def test_a_service_that_dies_again_and_again(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    with fleet.killing("inbox.after_effect", passages=12) as seen:
        saga_id = fleet.place("a")
        fleet.settle()
    assert seen["died", ""] == 12 or mode == "choreography"
    assert fleet.status(saga_id) == "completed"
    assert fleet.effects() == ENDS["completed"]


@BOTH
def test_timers_survive_a_restart_and_fire_once(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    saga_id = fleet.place("a")
    fleet.settle(without=("payment",))
    fleet.pass_time(61)
    order = fleet.restart("order")
    kind = "payment.AuthorizePayment.v1" if mode == "orchestration" else "fleet.fulfilment.overdue.v1"
    for _ in range(3):
        fleet.tick(order)
        fleet.pump()
    fired = [record for record in fleet.bus if record.ce_type == kind]
    assert len(fired) == (2 if mode == "orchestration" else 1)
    fleet.settle()
    assert fleet.status(saga_id) == ("completed" if mode == "orchestration" else "compensated")


def test_two_instances_do_not_fire_the_same_timer(make_fleet: Make) -> None:
    fleet = make_fleet("orchestration")
    saga_id = fleet.place("a")
    fleet.settle(without=("payment",))
    fleet.pass_time(61)
    engine, database = fleet.order.engine, fleet.order.database
    with database.work() as first, database.work() as second:
        assert engine.conductor.due(first, saga_id) == ()
        assert engine.conductor.due(second, saga_id) == ()
    with database.work() as again:
        assert engine.conductor.due(again, saga_id) == ()
    fleet.pump()
    assert [record.ce_type for record in fleet.bus].count("payment.AuthorizePayment.v1") == 2


def test_the_timer_thread(make_fleet: Make) -> None:
    """Real time: a step that is due in a moment is sent again without anybody asking."""
    fleet = make_fleet("orchestration", within=0.2)
    fleet.order.timers.start()
    try:
        saga_id = fleet.place("a")
        until = fleet.order.rows("SELECT clock_timestamp() + interval '20 seconds'")[0][0]
        while fleet.status(saga_id) == "running":
            assert fleet.order.rows("SELECT clock_timestamp()")[0][0] < until
            time.sleep(0.05)
    finally:
        fleet.order.timers.stop()
    assert fleet.status(saga_id) == "compensating"
    fleet.pump()
    sent = [record.ce_type for record in fleet.bus]
    assert sent.count("payment.AuthorizePayment.v1") == 3
    assert sent.count("payment.VoidPayment.v1") >= 1


@BOTH
def test_records_and_timers_at_once(make_fleet: Make, mode: str) -> None:
    """Twelve sagas want the last five of one stock and the last eight of another."""
    fleet = make_fleet(mode, call=mode == "orchestration")
    fleet.put("stock", "a", 5)
    fleet.put("stock", "b", 8)
    with fleet.running():
        sagas = [fleet.place(*("ab", "ba", "b")[number % 3]) for number in range(12)]
        until = time.monotonic() + 90
        while {fleet.status(saga_id) for saga_id in sagas} & {"running", "compensating"}:
            assert time.monotonic() < until
            fleet.pump()
            time.sleep(0.02)
    ends = Counter(fleet.status(saga_id) for saga_id in sagas)
    assert ends["completed"] + ends["compensated"] == 12
    effects = fleet.effects()
    assert effects["ReserveStock"] - effects["ReleaseStock"] == 13 - fleet.amount("a") - fleet.amount("b")
    assert effects["ConfirmOrder"] == effects["CapturePayment"] == ends["completed"] >= 1
    assert fleet.parked() == []


def test_a_step_of_its_own_that_fails_by_timer_is_put_off(make_fleet: Make) -> None:
    fleet = make_fleet("choreography")
    saga_id = fleet.place("a")
    fleet.plan(AuthorizePayment=[RuntimeError("a bug"), "succeed"])
    payment = fleet.members["payment"]
    fleet.pump()
    with payment.database.connection() as connection:  # what was seen is all there is
        connection.execute(
            "INSERT INTO saga_participant (saga_id, saga_type, correlation_id, data, due_at) VALUES (%s, 'fulfil', 'c',"
            ' \'{"succeeded": {"PlaceOrder": {"1": {"orderId": "o", "lines": ["a"]}}}}\', clock_timestamp())',
            (saga_id,),
        )
    assert payment.timers.run_due() == 1
    (row,) = payment.rows("SELECT attempts, last_error, due_at > clock_timestamp() FROM saga_participant")
    assert row == (1, "RuntimeError: a bug", True)
    assert payment.timers.run_due() == 0
    fleet.pass_time(2)
    assert payment.timers.run_due() == 1
    assert payment.rows("SELECT attempts, last_error, due_at FROM saga_participant") == [(0, None, None)]
    assert fleet.effects()["AuthorizePayment"] == 1


def test_participations_that_are_long_over_are_swept(make_fleet: Make) -> None:
    fleet = make_fleet("choreography")
    over, young, due = fleet.place("a"), fleet.place("a"), fleet.place("a")
    with fleet.order.database.connection() as connection:
        old = "UPDATE saga_participant SET updated_at = now() - interval '39 days' WHERE saga_id = ANY(%s)"
        connection.execute(old, ([over, due],))
        connection.execute("UPDATE saga_participant SET due_at = now() WHERE saga_id = %s", (due,))
        assert participation.sweep(connection) == 1
    left = {row[0] for row in fleet.order.rows("SELECT saga_id FROM saga_participant")}
    assert left == {young, due}
