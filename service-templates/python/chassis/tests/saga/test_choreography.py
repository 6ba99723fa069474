"""The core of a participant: what it does, given what it has seen."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from chassis.saga import choreography
from chassis.saga.choreography import Action, Close, RunForward, RunUndo
from chassis.saga.flow import Flow
from chassis.saga.history import ABORTED, OVERDUE, RETRY, SKIPPED, UNDONE, History, Notice, Seen, from_json
from saga_flows import PLACED, bound, fanned, flow, plain, step

FLOW = plain("choreography")
FANNED = fanned("choreography")


def done(name: str, payload: Any = None, index: int = 1, total: int = 1) -> Seen:
    return Seen(step=name, role="succeeded", payload=payload or {"id": f"{name}-1"}, index=index, total=total)


def refused(name: str) -> Seen:
    return Seen(step=name, role="refused", payload={})


def undone(name: str, index: int = 1, total: int = 1) -> Seen:
    return Seen(step=name, role="undone", payload={}, index=index, total=total)


PLACE = done("Place", PLACED)
AUTHORIZED, CHECKED, CAPTURED = done("Authorize"), done("Check"), done("Capture")
OVERDUE_NOW = Notice(type=OVERDUE)


def seen(*happened: Seen | Notice) -> History:
    known = History()
    for one in happened:
        known = known.see(one) if isinstance(one, Seen) else known.note(one)
    return known


def due(service: str, *happened: Seen | Notice, saga: Flow = FLOW) -> Action | None:
    return choreography.due(saga, service, seen(*happened))


def forward(action: Action | None, name: str, *inputs: dict[str, Any]) -> None:
    assert action == RunForward(step=action.step, inputs=inputs) if action else False
    assert action is not None
    assert action.step.name == name


def undo(action: Action | None, name: str, *inputs: dict[str, Any]) -> None:
    assert isinstance(action, RunUndo)
    assert (action.step.name, action.inputs) == (name, inputs)


def close(action: Action | None, name: str) -> None:
    assert isinstance(action, Close)
    assert action.step.name == name


# -- forward


def test_a_step_runs_when_the_one_before_has_succeeded() -> None:
    assert due("payment") is None
    forward(due("payment", PLACE), "Authorize", {"orderId": "o-1"})
    assert due("risk", PLACE) is None
    forward(due("risk", PLACE, AUTHORIZED), "Check", {"orderId": "o-1"})
    forward(due("payment", PLACE, AUTHORIZED, CHECKED), "Capture", {"orderId": "o-1"})


def test_the_first_step_is_never_begun_by_a_participant() -> None:
    assert due("order") is None
    assert due("order", PLACE) is None


def test_a_step_waits_until_its_inputs_are_known() -> None:
    assert due("risk", AUTHORIZED) is None, "the event that carries orderId is still on its way"


def test_a_join_waits_for_both_events() -> None:
    joined = flow(
        step("Place", "order"),
        step("Pay", "payment"),
        step("Pack", "stock", bindings=bound(orderId="PlaceDone.orderId", payment="PayDone.id")),
        mode="choreography",
    )
    for order in permutations([PLACE, done("Pay")]):
        assert due("stock", order[0], saga=joined) is None
        forward(due("stock", *order, saga=joined), "Pack", {"orderId": "o-1", "payment": "Pay-1"})


def test_nothing_runs_twice() -> None:
    assert due("payment", PLACE, AUTHORIZED, AUTHORIZED) is None
    assert due("payment", PLACE, refused("Authorize")) is None
    assert seen(PLACE, AUTHORIZED, AUTHORIZED) == seen(PLACE, AUTHORIZED)


def test_a_fan_out_runs_over_its_items_and_is_done_when_all_parts_are_seen() -> None:
    forward(
        due("stock", PLACE, saga=FANNED),
        "Reserve",
        {"sku": "a", "quantity": 1, "orderId": "o-1"},
        {"sku": "b", "quantity": 2, "orderId": "o-1"},
    )
    first, second = (done("Reserve", {"reservation": f"r-{n}"}, index=n, total=2) for n in (1, 2))
    assert due("payment", PLACE, first, saga=FANNED) is None
    assert due("payment", PLACE, first, first, saga=FANNED) is None
    for order in permutations([PLACE, first, second]):
        forward(due("payment", *order, saga=FANNED), "Capture", {"orderId": "o-1"})


def test_a_fan_out_over_nothing_still_runs_so_that_it_can_say_so() -> None:
    nothing = done("Place", {"orderId": "o-1", "lines": []})
    forward(due("stock", nothing, saga=FANNED), "Reserve")
    forward(due("payment", nothing, Notice(type=SKIPPED, step="Reserve"), saga=FANNED), "Capture", {"orderId": "o-1"})


def test_a_skipped_step_lets_the_next_run_and_does_not_run_itself() -> None:
    skipped = Notice(type=SKIPPED, step="Authorize")
    forward(due("risk", PLACE, skipped), "Check", {"orderId": "o-1"})
    assert due("payment", PLACE, skipped) is None


# -- backward


def test_the_nearest_undoable_step_listens_to_the_refusal() -> None:
    before = (PLACE, AUTHORIZED, CHECKED, refused("Capture"))
    undo(due("payment", *before), "Authorize", {"id": "Authorize-1"})
    assert due("risk", *before) is None, "a step without undo is passed by"
    assert due("order", *before) is None, "not before the next undoable step is undone"
    undo(due("order", *before, undone("Authorize")), "Place", {"orderId": "o-1", "reason": "CaptureRefused"})


def test_a_refusal_of_the_next_step_is_heard_at_once() -> None:
    undo(due("order", PLACE, refused("Authorize")), "Place", {"orderId": "o-1", "reason": "AuthorizeRefused"})
    assert due("payment", PLACE, refused("Authorize")) is None, "who refused has nothing to undo"
    undo(due("payment", PLACE, AUTHORIZED, refused("Check")), "Authorize", {"id": "Authorize-1"})


def test_nothing_is_undone_twice() -> None:
    assert due("order", PLACE, refused("Authorize"), undone("Place")) is None


def test_a_notice_counts_like_the_event_of_an_undo() -> None:
    before = (PLACE, AUTHORIZED, refused("Check"))
    assert due("order", *before) is None
    undo(
        due("order", *before, Notice(type=UNDONE, step="Authorize")),
        "Place",
        {"orderId": "o-1", "reason": "CheckRefused"},
    )


def test_a_fan_out_is_undone_with_what_each_part_gave() -> None:
    parts = [done("Reserve", {"reservation": f"r-{n}"}, index=n, total=2) for n in (1, 2)]
    undo(
        due("stock", PLACE, *parts, refused("Capture"), saga=FANNED),
        "Reserve",
        {"sku": "a", "reservation": "r-1"},
        {"sku": "b", "reservation": "r-2"},
    )
    before = (PLACE, *parts, refused("Capture"), undone("Reserve", 1, 2))
    assert due("order", *before, saga=FANNED) is None, "one part is not yet undone"
    undo(due("order", *before, undone("Reserve", 2, 2), saga=FANNED), "Place", {"orderId": "o-1"})


def test_what_is_refused_behind_the_pivot_undoes_nothing() -> None:
    everything = (PLACE, AUTHORIZED, CHECKED, CAPTURED, refused("Confirm"))
    assert [due(service, *everything) for service in ("order", "payment", "risk")] == [None, None, None]


# -- overdue


def test_overdue_goes_back_from_the_pivot_step_by_step() -> None:
    before: tuple[Seen | Notice, ...] = (PLACE, AUTHORIZED, OVERDUE_NOW)
    assert due("order", *before) is None
    assert due("risk", *before) is None, "the pivot speaks first"
    close(due("payment", *before), "Capture")
    before = (*before, Notice(type=UNDONE, step="Capture"))
    assert due("payment", *before) is None
    close(due("risk", *before), "Check")
    before = (*before, Notice(type=UNDONE, step="Check"))
    undo(due("payment", *before), "Authorize", {"id": "Authorize-1"})
    before = (*before, undone("Authorize"))
    undo(due("order", *before), "Place", {"orderId": "o-1", "reason": "timeout"})


def test_a_step_without_undo_that_has_run_speaks_up_when_overdue() -> None:
    before = (PLACE, AUTHORIZED, CHECKED, OVERDUE_NOW, Notice(type=UNDONE, step="Capture"))
    close(due("risk", *before), "Check")


def test_a_late_forward_is_dropped_after_overdue() -> None:
    assert due("risk", PLACE, OVERDUE_NOW, AUTHORIZED) is None
    closed = Notice(type=UNDONE, step="Check")
    assert due("risk", PLACE, OVERDUE_NOW, AUTHORIZED, closed) is None
    assert not choreography.may_run(FLOW, 3, seen(PLACE, AUTHORIZED, OVERDUE_NOW))


def test_a_pivot_that_has_run_is_not_called_back() -> None:
    everything = (PLACE, AUTHORIZED, CHECKED, CAPTURED, OVERDUE_NOW)
    assert [due(service, *everything) for service in ("payment", "risk")] == [None, None]
    forward(due("order", *everything), "Confirm", {"orderId": "o-1"})


def test_a_null_compensation_never_runs_forward() -> None:
    """The forward run of Authorize has not come yet when everything behind it is closed."""
    close(
        due("payment", OVERDUE_NOW, Notice(type=UNDONE, step="Capture"), Notice(type=UNDONE, step="Check")), "Authorize"
    )
    closed = (OVERDUE_NOW, *(Notice(type=UNDONE, step=name) for name in ("Capture", "Check", "Authorize")))
    assert due("payment", *closed, PLACE) is None


def test_by_force_a_saga_goes_back_from_its_very_end() -> None:
    everything = (PLACE, AUTHORIZED, CHECKED, CAPTURED, Notice(type=OVERDUE, force=True))
    close(due("order", *everything), "Confirm")
    close(due("payment", *everything, Notice(type=UNDONE, step="Confirm")), "Capture")


def test_an_aborted_saga_is_left_alone() -> None:
    aborted = Notice(type=ABORTED)
    assert due("payment", PLACE, aborted) is None
    assert due("order", PLACE, refused("Authorize"), aborted) is None


# -- history


def test_the_order_of_arrival_leaves_no_trace() -> None:
    happened: list[Seen | Notice] = [PLACE, AUTHORIZED, refused("Check"), OVERDUE_NOW, undone("Authorize")]
    histories = {str(seen(*order).to_json()) for order in permutations(happened)}
    ends = [seen(*order) for order in permutations(happened)]
    assert all(end == ends[0] for end in ends)
    assert len(histories) >= 1
    assert {str(due(service, *order)) for order in permutations(happened) for service in ("order",)} == {
        str(due("order", *happened))
    }


def test_json_there_and_back() -> None:
    parts = [done("Reserve", {"reservation": f"r-{n}"}, index=n, total=2) for n in (1, 2)]
    known = seen(PLACE, *parts, refused("Capture"), undone("Reserve", 1, 2), OVERDUE_NOW, Notice(type=UNDONE, step="X"))
    assert from_json(known.to_json()) == known
    assert from_json({}) == History()
    assert History().to_json() == {}


def test_a_retry_brings_what_was_missed() -> None:
    told = Notice(type=RETRY, history=seen(PLACE, AUTHORIZED).to_json())
    forward(due("risk", told), "Check", {"orderId": "o-1"})
    assert seen(AUTHORIZED, told) == seen(told, AUTHORIZED)


@pytest.mark.parametrize("service", ["order", "payment", "risk"])
def test_an_unknown_notice_changes_nothing(service: str) -> None:
    assert seen(PLACE, Notice(type="fleet.saga.stuck.v1")) == seen(PLACE)
