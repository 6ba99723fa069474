"""The barrier of a participant: its compensation comes before, without, together with or after the step itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from chassis.dispatch import Record
from saga_fleet import Fleet

Make = Callable[..., Fleet]


def commands(fleet: Fleet) -> tuple[Record, Record]:
    """The command of a step and that of its compensation, both on their way to a participant that was away."""
    saga_id = fleet.place("a")
    status = fleet.wait_out(saga_id, without=("payment",))
    assert status in ("compensating", "stuck")
    waiting = [record for record in fleet.members["payment"].waiting if "ce_replyto" in record.headers]
    fleet.members["payment"].waiting.clear()
    forward = next(each for each in waiting if each.headers["ce_sagadir"] == "forward")
    back = next(each for each in waiting if each.headers["ce_sagadir"] == "compensate")
    return unordered(forward), unordered(back)


def unordered(record: Record) -> Record:
    """As from a transport that keeps no order: the inbox cannot put it right, and it has not expired."""
    kept = {name: value for name, value in record.headers.items() if name not in ("ce_sequence", "ce_expirytime")}
    return replace(record, headers=kept)


def answers(fleet: Fleet) -> dict[str, str]:
    fleet.pump()
    replies = [record for record in fleet.bus if record.topic.endswith(".replies")]
    return {each.headers["ce_sagadir"]: each.headers["ce_outcome"] for each in replies}


@pytest.mark.parametrize("order", ["before", "without", "after"])
def test_compensation_and_step_in_any_order_leave_nothing(make_fleet: Make, order: str) -> None:
    fleet = make_fleet("orchestration")
    forward, back = commands(fleet)
    payment = fleet.members["payment"]
    for record in {"before": (back, forward), "without": (back,), "after": (forward, back)}[order]:
        payment.inbox.receive(record)
    effects = fleet.effects()
    ran = 1 if order == "after" else 0
    assert (effects["AuthorizePayment"], effects["VoidPayment"]) == (ran, ran)
    told = answers(fleet)
    assert told["compensate"] == "succeeded"
    assert told.get("forward") == {"before": "failed", "without": None, "after": "succeeded"}[order]


@pytest.mark.parametrize("turn", range(5))
def test_compensation_and_step_at_the_same_time(make_fleet: Make, turn: int) -> None:
    fleet = make_fleet("orchestration")
    forward, back = commands(fleet)
    payment, gate = fleet.members["payment"], threading.Barrier(2)

    def receive(record: Record) -> None:
        gate.wait()
        payment.inbox.receive(record)

    threads = [threading.Thread(target=receive, args=(record,)) for record in (forward, back)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    effects = fleet.effects()
    assert effects["AuthorizePayment"] == effects["VoidPayment"]
    assert answers(fleet)["compensate"] == "succeeded"
