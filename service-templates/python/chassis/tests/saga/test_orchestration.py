"""Every row of the table of transitions, one test or more each."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from chassis.saga import orchestration
from chassis.saga.flow import Flow
from chassis.saga.instance import (
    Became,
    CallPeer,
    Effect,
    Input,
    Late,
    Operation,
    OperationName,
    OperationRefused,
    Outcome,
    Reply,
    SagaState,
    SendCommand,
    TimerDue,
    Unanswered,
)
from saga_flows import PLACED, START, bound, fanned, flow, ids, plain, seconds, step


class Driver:
    """A saga under the hand of a test: time is told, replies are given to the newest command."""

    def __init__(self, saga: Flow, event: dict[str, Any] | None = None) -> None:
        self.flow, self.now, self.new_id = saga, START, ids()
        begun = orchestration.begin(
            saga, self.new_id(), {"lines": []}, event or PLACED, now=self.now, new_id=self.new_id
        )
        self.state: SagaState = begun.state
        self.effects: list[Effect] = list(begun.effects)
        self.sent: list[SendCommand] = [e for e in begun.effects if isinstance(e, SendCommand)]

    def give(self, given: Input) -> list[Effect]:
        decision = orchestration.decide(self.flow, self.state, given, self.now, self.new_id)
        self.state = decision.state
        self.effects = list(decision.effects)
        self.sent += [effect for effect in self.effects if isinstance(effect, SendCommand)]
        return self.effects

    def reply(self, outcome: Outcome = "succeeded", *, to: SendCommand | None = None, **more: Any) -> list[Effect]:
        command = to or self.sent[-1]
        one = self.flow.step(command.seq)
        if outcome == "succeeded":
            event = one.succeeds_with if command.direction == "forward" else one.undone_with
            more = {"event": event, "payload": {"id": f"{one.name}-{command.index}"}, **more}
        return self.give(Reply(command_id=command.command_id, outcome=outcome, **more))

    def refuse(self, to: SendCommand | None = None) -> list[Effect]:
        event = self.flow.step((to or self.sent[-1]).seq).refuses_with
        return self.reply("failed", to=to, event=event, payload={})

    def at(self, after: float) -> list[Effect]:
        self.now = START + seconds(after)
        return self.give(TimerDue())

    def wait(self) -> list[Effect]:
        assert self.state.next_timer_at is not None
        self.now = max(self.now, self.state.next_timer_at)
        return self.give(TimerDue())

    def operate(self, op: OperationName, *, force: bool = False) -> list[Effect]:
        return self.give(Operation(name=op, force=force))

    def up_to(self, name: str) -> Driver:
        """All steps before succeed, the step of that name is sent."""
        while self.flow.step(self.state.current_step).name != name:
            self.reply()
        return self

    @property
    def names(self) -> list[str]:
        steps = [(self.flow.step(sent.seq), sent.direction) for sent in self.sent]
        return [one.name if direction == "forward" else one.undo for one, direction in steps]


@pytest.fixture
def saga() -> Driver:
    return Driver(plain())


# -- start


def test_start_records_the_first_step_and_sends_the_second(saga: Driver) -> None:
    assert saga.state.status == "running"
    assert saga.state.current_step == 2
    assert saga.state.runs[1, "forward"].status == "succeeded"
    assert saga.state.runs[2, "forward"].status == "sent"
    assert saga.state.deadline_at == START + seconds(300)
    assert saga.names == ["Authorize"]
    assert saga.sent[0].inputs == {"orderId": "o-1"}
    assert saga.state.next_timer_at == START + seconds(60)


def test_a_saga_of_one_step_is_completed_at_once() -> None:
    assert Driver(flow(step("Place", "order"))).state.status == "completed"


# -- forward


def test_success_sends_the_next_and_the_last_completes(saga: Driver) -> None:
    for expected in ("Authorize", "Check", "Capture", "Confirm"):
        assert saga.names[-1] == expected
        saga.reply()
    assert saga.state.status == "completed"
    assert saga.state.finished_at == START
    assert saga.state.next_timer_at is None
    assert saga.effects == [Became(status="completed")]
    assert len(saga.sent) == 4


def test_the_pivot_passes_with_its_success(saga: Driver) -> None:
    saga.up_to("Capture")
    assert not saga.state.pivot_passed
    saga.reply()
    assert saga.state.pivot_passed
    assert saga.state.next_timer_at == START + seconds(60)


def test_what_steps_emit_is_bound_later(saga: Driver) -> None:
    saga.reply(payload={"id": "pay-1"})
    assert saga.state.data["AuthorizeDone"] == {"id": "pay-1"}
    assert saga.state.data["Authorize"] == {"orderId": "o-1"}


def test_only_forward_commands_that_can_still_be_undone_expire(saga: Driver) -> None:
    saga.up_to("Confirm")
    assert [sent.expires_at for sent in saga.sent] == [START + seconds(60)] * 3 + [None]
    failed = Driver(plain())
    failed.refuse()
    assert failed.sent[-1].expires_at is None


# -- failing before the pivot


@pytest.mark.parametrize(
    ("at", "undone"),
    [("Authorize", ["Cancel"]), ("Check", ["Void", "Cancel"]), ("Capture", ["Void", "Cancel"])],
)
def test_a_refusal_is_compensated_in_reverse_order(saga: Driver, at: str, undone: list[str]) -> None:
    saga.up_to(at)
    before = len(saga.sent)
    assert Became(status="compensating", reason=f"{at}Refused") in saga.refuse()
    while saga.state.status == "compensating":
        saga.reply()
    assert saga.names[before:] == undone
    assert saga.state.status == "compensated"
    assert saga.state.finished_at is not None
    assert saga.sent[-1].inputs == {"orderId": "o-1", "reason": f"{at}Refused"}


def test_a_failure_without_event_names_its_error_as_the_rejection(saga: Driver) -> None:
    saga.reply("failed", error="illegal-state")
    assert saga.sent[-1].inputs["reason"] == "illegal-state"
    assert saga.state.runs[2, "forward"].error == "illegal-state"


def test_nothing_to_undo_is_compensated_at_once() -> None:
    saga = Driver(flow(step("Place", "order"), step("Check", "risk")))
    saga.refuse()
    assert saga.state.status == "compensated"


def test_a_retryable_failure_is_tried_again_with_a_new_command(saga: Driver) -> None:
    first = saga.sent[-1]
    saga.reply("failed", retryable=True, error="conflict")
    assert saga.state.runs[2, "forward"].status == "pending"
    assert saga.wait() == [saga.sent[-1]]
    again = saga.sent[-1]
    assert again.command_id != first.command_id
    assert (again.seq, again.direction, again.inputs) == (first.seq, first.direction, first.inputs)
    assert saga.state.runs[2, "forward"].attempt == 2


def test_tries_run_out(saga: Driver) -> None:
    for _ in range(2):
        saga.reply("failed", retryable=True, error="conflict")
        saga.wait()
    assert saga.names == ["Authorize"] * 3
    saga.reply("failed", retryable=True, error="conflict")
    assert saga.state.status == "compensating"
    assert saga.state.runs[2, "forward"].status == "failed"
    assert saga.names[-1] == "Cancel", "a step that said it failed is not undone"


def test_expired_is_not_carried_out_and_is_tried_again(saga: Driver) -> None:
    saga.reply("expired", error="expired")
    saga.wait()
    assert saga.names == ["Authorize", "Authorize"]


def test_no_answer_is_asked_again_and_counts_as_done_in_the_end(saga: Driver) -> None:
    saga.at(60)
    saga.at(120)
    assert saga.names == ["Authorize"] * 3
    saga.at(180)
    assert saga.state.status == "compensating"
    assert saga.state.runs[2, "forward"].status == "timed_out"
    assert saga.names[-1] == "Void", "unknown counts as done"
    assert saga.sent[-1].complete is False, "its inputs are only known to the participant"
    assert saga.sent[-1].inputs == {}
    assert saga.state.data["$rejection"] == "timeout"


def test_the_forward_budget_is_spent() -> None:
    saga = Driver(plain())
    saga.now = START + seconds(190)
    saga.reply()  # Check is sent at 190, and due at 250
    assert saga.state.next_timer_at == START + seconds(240)
    saga.wait()
    assert saga.state.status == "compensating"
    assert saga.names[-1] == "Void"


def test_the_budget_is_spent_in_a_pause_between_two_tries(saga: Driver) -> None:
    saga.now = START + seconds(239.9)
    saga.reply("failed", retryable=True, error="conflict")
    saga.wait()
    assert saga.now == START + seconds(240)
    assert saga.names[-1] == "Cancel"


def test_an_unbound_input_is_a_failure_for_good() -> None:
    broken = flow(step("Place", "order", undo="Cancel"), step("Check", "risk", bindings=bound(x="Nothing.x")))
    saga = Driver(broken)
    assert saga.names == ["Cancel"]
    assert "unbound" in saga.state.runs[2, "forward"].error


def test_an_unbound_input_behind_the_pivot_is_stuck() -> None:
    lost = step("Confirm", "order", kind="retriable", bindings=bound(x="Nothing.x"))
    saga = Driver(flow(step("Place", "order", undo="Cancel"), step("Pay", "payment", kind="pivot"), lost))
    saga.reply()
    assert saga.state.status == "stuck"
    assert "Nothing.x" in saga.state.stuck_reason


# -- the pivot in doubt


def test_a_pivot_in_doubt_is_asked_on_and_never_compensated(saga: Driver) -> None:
    saga.up_to("Capture")
    while saga.state.status == "running":
        saga.wait()
    assert saga.now == START + seconds(300)
    assert saga.state.status == "stuck"
    assert set(saga.names[2:]) == {"Capture"}
    assert not saga.state.pivot_passed


def test_a_pivot_in_doubt_that_answers_late_is_believed(saga: Driver) -> None:
    saga.up_to("Capture")
    saga.at(60)
    saga.reply()
    assert saga.names[-1] == "Confirm"
    refused = Driver(plain()).up_to("Capture")
    refused.at(60)
    refused.refuse()
    assert refused.names[-1] == "Void"


def test_a_pivot_that_failed_for_sure_is_no_doubt(saga: Driver) -> None:
    saga.up_to("Capture")
    for _ in range(3):
        saga.reply("failed", retryable=True, error="conflict")
        if saga.state.status == "running":
            saga.wait()
    assert saga.names[-1] == "Void"


# -- behind the pivot


@pytest.mark.parametrize(
    "failure", [{"retryable": True, "error": "conflict"}, {"error": "illegal-state"}, {"event": "ConfirmRefused"}]
)
def test_behind_the_pivot_every_failure_is_tried_again_until_time_is_over(
    saga: Driver, failure: dict[str, Any]
) -> None:
    saga.up_to("Confirm")
    tries = 0
    while saga.state.status == "running":
        if saga.state.runs[5, "forward"].status == "sent":
            saga.reply("failed", **failure)
            tries += 1
        saga.wait()
    assert saga.state.status == "stuck"
    assert saga.now == START + seconds(300)
    assert tries > 10
    assert {sent.direction for sent in saga.sent} == {"forward"}
    assert saga.state.next_timer_at is None


def test_behind_the_pivot_silence_is_stuck_at_the_saga_s_deadline(saga: Driver) -> None:
    saga.up_to("Confirm")
    while saga.state.status == "running":
        saga.wait()
    assert (saga.state.status, saga.now) == ("stuck", START + seconds(300))
    assert saga.state.runs[5, "forward"].status == "timed_out"
    assert saga.effects[-1] == Became(status="stuck", reason=saga.state.stuck_reason)


# -- compensating


def test_a_compensation_that_fails_for_good_is_stuck(saga: Driver) -> None:
    saga.up_to("Check")
    saga.refuse()
    saga.reply("failed", error="illegal-state")
    assert saga.state.status == "stuck"
    assert saga.state.stuck_reason == "Void: illegal-state"


def test_a_compensation_is_tried_again_until_time_is_over(saga: Driver) -> None:
    saga.up_to("Check")
    saga.refuse()
    for _ in range(5):
        saga.reply("failed", retryable=True, error="conflict")
        saga.wait()
    assert saga.state.status == "compensating"
    saga.reply()
    assert saga.names[-1] == "Cancel"
    while saga.state.status == "compensating":
        saga.wait()
    assert (saga.state.status, saga.now) == ("stuck", START + seconds(300))


def test_a_saga_slept_over_is_still_compensated(saga: Driver) -> None:
    saga.at(4000)
    assert saga.state.status == "compensating"
    assert saga.state.deadline_at == START + seconds(4060)
    saga.reply()
    saga.reply()
    assert saga.state.status == "compensated"


# -- late replies


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_a_reply_to_a_closed_command_changes_nothing(saga: Driver, outcome: Outcome) -> None:
    first = saga.sent[-1]
    saga.reply()
    before = saga.state
    assert saga.reply(outcome, to=first) == [Late(command_id=first.command_id, outcome=outcome)]
    assert saga.state == before


def test_a_success_after_compensation_began_changes_nothing(saga: Driver) -> None:
    first = saga.sent[0]
    for after in (60, 120, 180):
        saga.at(after)
    before = saga.state
    assert [type(effect) for effect in saga.reply(to=first)] == [Late]
    assert [type(effect) for effect in saga.reply(to=saga.sent[2])] == [Late]
    assert saga.state == before


def test_a_reply_to_an_earlier_try_is_late(saga: Driver) -> None:
    first = saga.sent[0]
    saga.at(60)
    assert [type(effect) for effect in saga.reply(to=first)] == [Late]
    saga.reply()
    assert saga.names[-1] == "Check"


def test_a_reply_to_an_unknown_command_is_late(saga: Driver) -> None:
    unknown = replace(saga.sent[0], command_id=saga.new_id())
    assert [type(effect) for effect in saga.reply(to=unknown)] == [Late]


def test_a_reply_twice_counts_once(saga: Driver) -> None:
    saga.reply()
    saga.reply(to=saga.sent[0])
    assert saga.names == ["Authorize", "Check"]


def test_a_timer_too_early_does_nothing(saga: Driver) -> None:
    before = saga.state
    assert saga.at(59.9) == []
    assert saga.state == before


# -- fan-out


def test_a_fan_out_sends_a_command_for_each_item_and_waits_for_all() -> None:
    saga = Driver(fanned())
    first, second = saga.sent
    assert [first.inputs, second.inputs] == [
        {"sku": "a", "quantity": 1, "orderId": "o-1"},
        {"sku": "b", "quantity": 2, "orderId": "o-1"},
    ]
    assert [(sent.index, sent.total) for sent in saga.sent] == [(1, 2), (2, 2)]
    saga.reply(to=second, payload={"reservation": "r-b"})
    assert saga.state.current_step == 2
    saga.reply(to=first, payload={"reservation": "r-a"})
    assert saga.names[-1] == "Capture"
    assert saga.state.data["ReserveDone"] == [{"reservation": "r-a"}, {"reservation": "r-b"}]
    saga.refuse()
    assert [sent.inputs for sent in saga.sent[-2:]] == [
        {"sku": "a", "reservation": "r-a"},
        {"sku": "b", "reservation": "r-b"},
    ]
    saga.reply(to=saga.sent[-1])
    assert saga.state.current_step == 2
    saga.reply(to=saga.sent[-2])
    assert saga.names[-1] == "Cancel"


def test_one_refusal_of_a_fan_out_undoes_the_parts_that_were_not_refused() -> None:
    saga = Driver(fanned())
    first, second = saga.sent
    saga.refuse(to=first)
    assert saga.state.status == "compensating"
    undo = saga.sent[-1]
    assert (undo.seq, undo.direction, undo.index, undo.total) == (2, "compensate", 2, 2)
    assert undo.complete is False
    assert [type(effect) for effect in saga.reply(to=second)] == [Late]
    saga.reply(to=undo, payload={})
    assert saga.names[-1] == "Cancel"


def test_only_the_failed_parts_of_a_fan_out_are_tried_again() -> None:
    saga = Driver(fanned())
    first, second = saga.sent
    saga.reply(to=first)
    saga.reply("failed", to=second, retryable=True, error="conflict")
    saga.wait()
    assert [(sent.index, sent.command_id == second.command_id) for sent in saga.sent[2:]] == [(2, False)]
    saga.reply(to=saga.sent[-1])
    assert saga.names[-1] == "Capture"


def test_a_fan_out_over_nothing_is_passed_over() -> None:
    saga = Driver(fanned(), {"orderId": "o-1", "lines": []})
    assert saga.names == ["Capture"]
    saga.refuse()
    assert saga.names[-1] == "Cancel"


# -- calls


def called() -> Driver:
    return Driver(flow(step("Place", "order", undo="Cancel"), step("Score", "risk", call=True), timeout=300.0))


def test_a_call_is_made_by_the_timer_and_again_should_it_leave_no_trace() -> None:
    saga = called()
    assert saga.sent == []
    assert saga.state.runs[2, "forward"].status == "sent"
    assert saga.state.next_timer_at == START
    (call,) = saga.at(0)
    assert isinstance(call, CallPeer)
    assert call.inputs == {"orderId": "o-1"}
    assert saga.state.next_timer_at == START + seconds(15)
    (again,) = saga.wait()
    assert again == call, "the same command, so that the peer knows it again"


def test_a_call_without_answer_is_made_again_soon_and_counts_as_done_in_the_end() -> None:
    saga = called()
    (call,) = saga.at(0)
    assert isinstance(call, CallPeer)
    saga.give(Unanswered(command_id=call.command_id))
    assert saga.state.next_timer_at == START + seconds(0.5)
    while saga.state.status == "running":
        for effect in saga.wait():
            if isinstance(effect, CallPeer):
                saga.give(Unanswered(command_id=effect.command_id))
    assert saga.state.runs[2, "forward"].status == "timed_out"
    assert saga.names == ["Cancel"]


def test_the_answers_of_a_call() -> None:
    saga = called()
    (call,) = saga.at(0)
    assert isinstance(call, CallPeer)
    saga.give(Reply(command_id=call.command_id, outcome="succeeded", event="ScoreDone", payload={}))
    assert saga.state.status == "completed"
    refused = called()
    (call,) = refused.at(0)
    assert isinstance(call, CallPeer)
    refused.give(Reply(command_id=call.command_id, outcome="failed", event="ScoreRefused", payload={}))
    assert refused.names == ["Cancel"]


# -- operations


def stuck_behind_the_pivot() -> Driver:
    saga = Driver(plain()).up_to("Confirm")
    saga.at(300)
    assert saga.state.status == "stuck"
    saga.now = START + seconds(1000)
    return saga


def stuck_in_compensation() -> Driver:
    saga = Driver(plain()).up_to("Check")
    saga.refuse()
    saga.reply("failed", error="illegal-state")
    saga.now = START + seconds(1000)
    return saga


def test_retry_goes_on_where_it_stuck_with_fresh_tries_and_time() -> None:
    saga = stuck_behind_the_pivot()
    late = saga.sent[-1]
    saga.operate("retry")
    assert saga.state.status == "running"
    assert saga.state.deadline_at == START + seconds(1300)
    assert saga.state.runs[5, "forward"].attempt == 1
    assert saga.names[-2:] == ["Confirm", "Confirm"]
    assert saga.sent[-1].command_id != late.command_id
    saga.reply()
    assert saga.state.status == "completed"


def test_retry_of_a_compensation() -> None:
    saga = stuck_in_compensation()
    saga.operate("retry")
    assert saga.state.status == "compensating"
    saga.reply()
    saga.reply()
    assert saga.state.status == "compensated"
    assert saga.names[-3:] == ["Void", "Void", "Cancel"]


def test_skip_goes_on_either_way() -> None:
    forward = stuck_behind_the_pivot()
    forward.operate("skip")
    assert forward.state.runs[5, "forward"].status == "skipped"
    assert forward.state.status == "completed"
    back = stuck_in_compensation()
    back.operate("skip")
    assert back.state.runs[2, "compensate"].status == "skipped"
    assert back.names[-1] == "Cancel"
    assert back.state.next_timer_at == START + seconds(1060)


def test_skip_while_running_leaves_the_open_command_behind(saga: Driver) -> None:
    first = saga.sent[-1]
    saga.operate("skip")
    assert saga.names[-1] == "Check"
    assert [type(effect) for effect in saga.reply(to=first)] == [Late]
    saga.refuse()
    assert saga.names[-1] == "Cancel", "a skipped step is not undone"


def test_the_pivot_is_skipped_by_force_only(saga: Driver) -> None:
    saga.up_to("Capture")
    with pytest.raises(OperationRefused):
        saga.operate("skip")
    saga.operate("skip", force=True)
    assert saga.state.pivot_passed
    assert saga.names[-1] == "Confirm"


def test_compensate_before_the_pivot(saga: Driver) -> None:
    saga.up_to("Check")
    saga.operate("compensate")
    assert saga.state.status == "compensating"
    assert saga.state.data["$rejection"] == "operator"
    assert saga.names[-1] == "Void"


def test_compensate_behind_the_pivot_by_force_only() -> None:
    saga = stuck_behind_the_pivot()
    with pytest.raises(OperationRefused):
        saga.operate("compensate")
    saga.operate("compensate", force=True)
    assert saga.names[-1] == "Void"
    saga.reply()
    saga.reply()
    assert saga.state.status == "compensated"


def test_compensate_with_the_pivot_in_doubt_by_force_only(saga: Driver) -> None:
    saga.up_to("Capture")
    saga.operate("abort")
    doubtful = Driver(plain()).up_to("Capture")
    with pytest.raises(OperationRefused):
        doubtful.operate("compensate")
    while doubtful.state.status == "running":
        doubtful.wait()
    with pytest.raises(OperationRefused):
        doubtful.operate("compensate")
    doubtful.operate("compensate", force=True)
    assert doubtful.names[-1] == "Void"


@pytest.mark.parametrize("make", [lambda: Driver(plain()), stuck_behind_the_pivot, stuck_in_compensation])
def test_abort_ends_it_and_sends_nothing_more(make: Any) -> None:
    saga = make()
    before = len(saga.sent)
    saga.operate("abort")
    assert saga.state.status == "aborted"
    assert saga.effects == [Became(status="aborted")]
    saga.reply()
    saga.at(5000)
    assert (saga.state.status, len(saga.sent)) == ("aborted", before)


def test_operations_that_do_not_fit(saga: Driver) -> None:
    with pytest.raises(OperationRefused):
        saga.operate("retry")
    saga.up_to("Check")
    saga.refuse()
    for op in ("retry", "skip", "compensate"):
        with pytest.raises(OperationRefused):
            saga.operate(op)
    saga.operate("abort")
    for op in ("retry", "skip", "compensate", "abort"):
        with pytest.raises(OperationRefused):
            saga.operate(op)


def test_backoff_grows_to_its_cap_with_half_of_it_by_chance() -> None:
    chance = ids()
    for attempt, ceiling in ((1, 0.5), (2, 1.0), (5, 8.0), (50, 30.0)):
        waits = [orchestration.backoff(attempt, chance()) for _ in range(50)]
        assert all(seconds(ceiling / 2) <= wait <= seconds(ceiling) for wait in waits)


def test_time_is_only_what_it_is_told() -> None:
    saga = Driver(plain())
    assert isinstance(saga.state.started_at, datetime)
    again = Driver(plain())
    assert again.state == saga.state
