"""The core of the owner's monitor."""

from __future__ import annotations

from itertools import permutations
from uuid import UUID

import pytest

from chassis.saga import fulfilment
from chassis.saga.flow import Flow
from chassis.saga.history import ABORTED, OVERDUE, RETRY, SKIPPED, STUCK, UNDONE, Notice, Seen
from chassis.saga.instance import (
    Announce,
    Became,
    Effect,
    Late,
    Operation,
    OperationName,
    OperationRefused,
    SagaState,
    TimerDue,
)
from saga_flows import PLACED, START, fanned, flow, plain, seconds, step

FLOW = plain("choreography")


class Watched:
    """A choreography under the eyes of a test."""

    def __init__(self, saga: Flow = FLOW) -> None:
        self.flow, self.now = saga, START
        self.state: SagaState = fulfilment.begin(saga, UUID(int=7), {}, PLACED, now=START).state
        self.effects: tuple[Effect, ...] = ()
        self.announced: list[Announce] = []

    def give(self, given: Seen | Notice | TimerDue | Operation) -> tuple[Effect, ...]:
        decision = fulfilment.decide(self.flow, self.state, given, self.now)
        self.state, self.effects = decision.state, decision.effects
        self.announced += [effect for effect in decision.effects if isinstance(effect, Announce)]
        return self.effects

    def done(self, *names: str) -> Watched:
        for name in names:
            self.give(Seen(step=name, role="succeeded", payload={"id": name}))
        return self

    def refused(self, name: str) -> Watched:
        self.give(Seen(step=name, role="refused", payload={}))
        return self

    def undone(self, *names: str) -> Watched:
        for name in names:
            self.give(Seen(step=name, role="undone", payload={}))
        return self

    def cleared(self, *names: str) -> Watched:
        for name in names:
            self.give(Notice(type=UNDONE, step=name))
        return self

    def wait(self) -> Watched:
        assert self.state.next_timer_at is not None
        self.now = max(self.now, self.state.next_timer_at)
        self.give(TimerDue())
        return self

    def operate(self, op: OperationName, *, force: bool = False) -> tuple[Effect, ...]:
        return self.give(Operation(name=op, force=force))

    @property
    def rows(self) -> dict[str, str]:
        return {
            self.flow.step(seq).name if direction == "forward" else self.flow.step(seq).undo: run.status
            for (seq, direction), run in self.state.runs.items()
        }


def test_expectations_move_with_the_steps() -> None:
    saga = Watched()
    assert saga.rows == {"Place": "succeeded", "Authorize": "sent"}
    assert saga.state.next_timer_at == START + seconds(60)
    saga.now = START + seconds(10)
    saga.done("Authorize")
    assert saga.rows == {"Place": "succeeded", "Authorize": "succeeded", "Check": "sent"}
    assert saga.state.next_timer_at == START + seconds(70)
    assert saga.state.runs[1, "forward"].ended_at == START
    saga.done("Check", "Capture")
    assert saga.state.pivot_passed
    saga.done("Confirm")
    assert saga.state.status == "completed"
    assert saga.effects == (Became(status="completed"),)
    assert saga.state.next_timer_at is None


def test_arrival_in_any_order_ends_the_same() -> None:
    for order in permutations(["Authorize", "Check", "Capture", "Confirm"]):
        saga = Watched().done(*order)
        assert saga.state.status == "completed"
        assert saga.rows == dict.fromkeys(["Place", *sorted(order)], "succeeded")


def test_a_fan_out_is_expected_whole() -> None:
    saga = Watched(fanned("choreography"))
    parts = [Seen(step="Reserve", role="succeeded", payload={}, index=index, total=2) for index in (1, 2)]
    saga.give(parts[0])
    assert saga.rows == {"Place": "succeeded", "Reserve": "sent"}
    saga.give(parts[0])
    saga.give(parts[1])
    assert saga.rows == {"Place": "succeeded", "Reserve": "succeeded", "Capture": "sent"}


def test_a_refusal_expects_the_undos() -> None:
    saga = Watched().done("Authorize").refused("Check")
    assert saga.state.status == "compensating"
    assert saga.rows == {
        "Place": "succeeded",
        "Authorize": "succeeded",
        "Check": "failed",
        "Void": "sent",
        "Cancel": "sent",
    }
    assert saga.state.next_timer_at == START + seconds(300)
    saga.undone("Authorize")
    assert saga.rows["Void"] == "succeeded"
    saga.undone("Place")
    assert saga.state.status == "compensated"


def test_undos_may_be_seen_in_any_order_and_before_the_refusal() -> None:
    happened = ["done", "refused", "undo-Authorize", "undo-Place"]
    for order in permutations(happened):
        saga = Watched()
        for one in order:
            match one.partition("-"):
                case ("done", _, _):
                    saga.done("Authorize")
                case ("refused", _, _):
                    saga.refused("Check")
                case (_, _, name):
                    saga.undone(name)
        assert saga.state.status == "compensated", order


def test_a_refusal_with_nothing_to_undo_is_compensated_at_once() -> None:
    saga = Watched(flow(step("Place", "order"), step("Check", "risk"), mode="choreography"))
    saga.refused("Check")
    assert saga.state.status == "compensated"


def test_a_missed_expectation_before_the_pivot_calls_the_saga_back() -> None:
    saga = Watched().done("Authorize").wait()
    assert saga.now == START + seconds(60)
    assert saga.state.status == "compensating"
    (overdue,) = saga.announced
    assert (overdue.type, overdue.step, overdue.force) == (OVERDUE, "Check", False)
    assert saga.rows["Check"] == "timed_out"
    saga.cleared("Capture", "Check").undone("Authorize")
    assert saga.state.status == "compensating"
    saga.undone("Place")
    assert saga.state.status == "compensated"


def test_the_forward_budget_leaves_time_to_compensate() -> None:
    saga = Watched(plain("choreography", timeout=50.0)).wait()
    assert saga.now == START + seconds(40)
    assert saga.state.status == "compensating"


def test_a_missed_expectation_behind_the_pivot_is_stuck_until_it_comes() -> None:
    saga = Watched().done("Authorize", "Check", "Capture").wait()
    assert saga.now == START + seconds(60)
    assert saga.state.status == "stuck"
    assert [one.type for one in saga.announced] == [OVERDUE]
    assert saga.state.next_timer_at is None
    saga.done("Confirm")
    assert saga.state.status == "completed"


def test_its_own_words_come_back_and_change_nothing() -> None:
    saga = Watched().done("Authorize", "Check", "Capture").wait()
    before = saga.state
    for own in (OVERDUE, RETRY, ABORTED, STUCK):
        saga.give(Notice(type=own, step="Confirm"))
        assert saga.state == before


def test_a_pivot_that_had_passed_unseen_takes_the_saga_forward_again() -> None:
    saga = Watched().done("Authorize", "Check").wait()
    assert saga.state.status == "compensating"
    saga.done("Capture")
    assert saga.state.status == "running"
    saga.done("Confirm")
    assert saga.state.status == "completed"


def test_a_compensation_that_takes_too_long_is_stuck_until_it_is_complete() -> None:
    saga = Watched().done("Authorize").refused("Check").wait()
    assert saga.now == START + seconds(300)
    assert saga.state.status == "stuck"
    saga.undone("Authorize")
    assert saga.state.status == "stuck"
    saga.undone("Place")
    assert saga.state.status == "compensated"


def test_a_refusal_behind_the_pivot_is_stuck() -> None:
    saga = Watched().done("Authorize", "Check", "Capture").refused("Confirm")
    assert saga.state.status == "stuck"
    assert "Confirm" in saga.state.stuck_reason


def test_what_is_seen_twice_or_too_late_changes_nothing() -> None:
    saga = Watched().done("Authorize", "Authorize")
    assert saga.effects == ()
    saga.done("Check", "Capture", "Confirm")
    before = saga.state
    assert [type(effect) for effect in saga.give(Seen(step="Check", role="refused", payload={}))] == [Late]
    assert saga.state == before


def test_a_timer_too_early_does_nothing() -> None:
    saga = Watched()
    before = saga.state
    saga.now = START + seconds(59)
    assert saga.give(TimerDue()) == ()
    assert saga.state == before


# -- operations


def stuck_forward() -> Watched:
    saga = Watched().done("Authorize", "Check", "Capture").wait()
    saga.now = START + seconds(1000)
    return saga


def stuck_backward() -> Watched:
    saga = Watched().done("Authorize").refused("Check").wait()
    saga.now = START + seconds(1000)
    return saga


def test_retry_tells_what_is_known_and_expects_afresh() -> None:
    saga = stuck_forward()
    saga.operate("retry")
    assert saga.state.status == "running"
    assert saga.announced[-1].type == RETRY
    assert saga.announced[-1].step == "Confirm"
    assert saga.state.next_timer_at == START + seconds(1060)
    back = stuck_backward()
    back.operate("retry")
    assert (back.state.status, back.announced[-1].step) == ("compensating", "Authorize")
    assert back.state.next_timer_at == START + seconds(1300)


def test_skip_takes_the_awaited_step_for_done_or_undone() -> None:
    saga = stuck_forward()
    saga.operate("skip")
    assert saga.state.status == "completed"
    assert (saga.announced[-1].type, saga.announced[-1].step) == (SKIPPED, "Confirm")
    back = stuck_backward()
    back.operate("skip")
    assert (back.announced[-1].type, back.announced[-1].step) == (UNDONE, "Authorize")
    assert back.state.status == "compensating"
    back.undone("Place")
    assert back.state.status == "compensated"


def test_the_pivot_is_skipped_by_force_only() -> None:
    saga = Watched().done("Authorize", "Check")
    with pytest.raises(OperationRefused):
        saga.operate("skip")
    saga.operate("skip", force=True)
    assert saga.state.pivot_passed


def test_compensate() -> None:
    saga = Watched().done("Authorize")
    saga.operate("compensate")
    assert saga.state.status == "compensating"
    assert (saga.announced[-1].type, saga.announced[-1].force) == (OVERDUE, False)
    late = stuck_forward()
    with pytest.raises(OperationRefused):
        late.operate("compensate")
    late.operate("compensate", force=True)
    assert late.state.status == "compensating"
    assert late.announced[-1].force
    late.cleared("Confirm", "Capture", "Check").undone("Authorize", "Place")
    assert late.state.status == "compensated"


@pytest.mark.parametrize("make", [Watched, stuck_forward, stuck_backward])
def test_abort(make: type[Watched]) -> None:
    saga = make()
    saga.operate("abort")
    assert saga.state.status == "aborted"
    assert saga.effects[-1] == Became(status="aborted")
    saga.done("Confirm")
    assert saga.state.status == "aborted"


def test_an_abort_that_is_heard_from_elsewhere_is_not_the_monitor_s() -> None:
    saga = Watched()
    saga.give(Notice(type=ABORTED))
    assert saga.state.status == "running"


def test_operations_that_do_not_fit() -> None:
    saga = Watched()
    with pytest.raises(OperationRefused):
        saga.operate("retry")
    saga.refused("Authorize")
    for op in ("retry", "skip", "compensate"):
        with pytest.raises(OperationRefused):
            saga.operate(op)
    saga.undone("Place")
    with pytest.raises(OperationRefused):
        saga.operate("abort")
