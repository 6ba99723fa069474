"""The core of orchestration against participants that refuse, fail, hang, answer late or twice, in any order.

The participants keep the barrier as real ones do; what they carried out is counted apart from what the core believes.
"""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chassis.saga import orchestration
from chassis.saga.flow import Flow
from chassis.saga.instance import (
    LIVE,
    CallPeer,
    Decision,
    Input,
    Operation,
    OperationRefused,
    Reply,
    SendCommand,
    TimerDue,
    Unanswered,
)
from saga_flows import PLACED, START, bound, fanned, flow, ids, plain, source, step

FLOWS = [
    plain(),
    fanned(),
    flow(step("A", "a", undo="UnA"), step("B", "b", undo="UnB"), step("C", "c", undo="UnC")),
    flow(
        step("Place", "order", undo="Cancel"),
        step("Score", "risk", call=True),
        step("Post", "ledger", kind="pivot", undo="Reverse"),
        step("Settle", "order", kind="retriable"),
    ),
    flow(
        step("Place", "order", undo="Cancel"),
        step("Pick", "stock", undo="Return", for_each=source("PlaceDone.lines"), bindings=bound(sku="item.sku")),
        step("Pack", "stock", undo="Unpack", for_each=source("PickDone"), bindings=bound(id="item.id")),
        step("Pay", "payment", kind="pivot"),
        step("Ship", "stock", kind="retriable"),
        step("Tell", "mail", kind="retriable"),
    ),
]
BEHAVIOURS = st.sampled_from(["succeed", "succeed", "succeed", "refuse", "fail", "again", "mute"])
Effect = tuple[int, int]  # step and part


class Participants:
    """Everybody else: carries commands out behind barriers and remembers what it answered."""

    def __init__(self, saga: Flow) -> None:
        self.flow = saga
        self.done: Counter[Effect] = Counter({(1, 1): 1})
        self.undone: list[int] = []
        self.forward_closed: set[Effect] = {(1, 1)}
        self.answers: dict[tuple[int, str, int], Reply] = {}

    def handle(self, sent: SendCommand, behaviour: str, now: datetime) -> Reply | None:
        key = (sent.seq, sent.direction, sent.index)
        answer = self.answers.get(key)
        if answer is None:
            if sent.expires_at is not None and now > sent.expires_at:
                return Reply(command_id=sent.command_id, outcome="expired", retryable=True)
            answer, kept = self._carry_out(sent, behaviour)
            if kept:
                self.answers[key] = answer
        mute = behaviour == "mute"
        return None if mute else Reply(**{**_fields(answer), "command_id": sent.command_id})

    def _carry_out(self, sent: SendCommand, behaviour: str) -> tuple[Reply, bool]:
        part, one = (sent.seq, sent.index), self.flow.step(sent.seq)
        forward = sent.direction == "forward"
        if behaviour == "again":
            return Reply(command_id=sent.command_id, outcome="failed", error="conflict", retryable=True), False
        if behaviour == "fail":
            return Reply(command_id=sent.command_id, outcome="failed", error="illegal-state"), False
        if forward and part in self.forward_closed:
            return Reply(command_id=sent.command_id, outcome="failed", error="closed"), False
        if forward and behaviour == "refuse" and one.kind != "retriable":
            self.forward_closed.add(part)
            refused = Reply(command_id=sent.command_id, outcome="failed", event=one.refuses_with, payload={})
            return refused, True
        event = one.succeeds_with if forward else one.undone_with
        if forward:
            self.forward_closed.add(part)
            self.done[part] += 1
        else:
            self.forward_closed.add(part)
            if self.done[part]:
                self.done[part] -= 1
                self.undone.append(sent.seq)
        payload = {"id": f"{one.name}-{sent.index}", "reservation": f"r-{sent.index}"}
        return Reply(command_id=sent.command_id, outcome="succeeded", event=event, payload=payload), True


def _fields(reply: Reply) -> dict[str, object]:
    return {name: getattr(reply, name) for name in ("outcome", "event", "payload", "error", "retryable")}


class Orchestrated(RuleBasedStateMachine):
    """One saga of one of the flows."""

    @initialize(saga=st.sampled_from(FLOWS), ahead=st.integers(0, 4))
    def begin(self, saga: Flow, ahead: int) -> None:
        """The first steps go well, so that the later ones are tried as often."""
        self.flow, self.now, self.new_id = saga, START, ids()
        self.queues: dict[str, deque[SendCommand]] = {one.service: deque() for one in saga.steps}
        self.calls: list[CallPeer] = []
        self.replies: list[Reply] = []
        self.participants = Participants(saga)
        self.skipped = False
        self.keys: dict[object, tuple[int, str, int]] = {}
        self.history: list[str] = []
        self.take(orchestration.begin(saga, self.new_id(), {}, PLACED, now=self.now, new_id=self.new_id))
        while self.state.current_step < min(ahead + 2, len(saga)) and self.state.status == "running":
            self._settle()

    def take(self, decision: Decision) -> None:
        before = getattr(self, "state", None)
        self.state = decision.state
        if before is not None and before.status not in LIVE:
            assert decision.state == before, "terminal never changes"
            assert not [e for e in decision.effects if isinstance(e, SendCommand | CallPeer)]
        for effect in decision.effects:
            if isinstance(effect, SendCommand):
                assert effect.command_id not in self.keys, "every try is a new command"
                self.keys[effect.command_id] = (effect.seq, effect.direction, effect.index)
                self.queues[self.flow.step(effect.seq).service].append(effect)
            elif isinstance(effect, CallPeer):
                self.calls.append(effect)
        if not self.history or self.history[-1] != self.state.status:
            self.history.append(self.state.status)

    def give(self, given: Input) -> None:
        self.take(orchestration.decide(self.flow, self.state, given, self.now, self.new_id))

    @rule(data=st.data(), behaviour=BEHAVIOURS)
    def deliver(self, data: st.DataObject, behaviour: str) -> None:
        """Commands of one service arrive in the order in which they were sent."""
        waiting = sorted(service for service, queue in self.queues.items() if queue)
        if waiting:
            sent = self.queues[data.draw(st.sampled_from(waiting))].popleft()
            reply = self.participants.handle(sent, behaviour, self.now)
            if reply is not None:
                self.replies.append(reply)

    @precondition(lambda self: self.calls)
    @rule(behaviour=BEHAVIOURS)
    def call(self, behaviour: str) -> None:
        call = self.calls.pop()
        sent = SendCommand(
            seq=call.seq, direction="forward", command_id=call.command_id, index=call.index, total=call.total,
            inputs=call.inputs,
        )  # fmt: skip
        reply = self.participants.handle(sent, behaviour, self.now)
        self.give(reply if reply is not None and not reply.retryable else Unanswered(command_id=call.command_id))

    @precondition(lambda self: self.replies)
    @rule(data=st.data(), keep=st.booleans())
    def answer(self, data: st.DataObject, keep: bool) -> None:
        """Replies arrive in any order, some of them twice."""
        index = data.draw(st.integers(0, len(self.replies) - 1))
        self.give(self.replies[index] if keep else self.replies.pop(index))

    @precondition(lambda self: self.state.next_timer_at is not None)
    @rule()
    def wait(self) -> None:
        assert self.state.next_timer_at is not None
        self.now = max(self.now, self.state.next_timer_at)
        self.give(TimerDue())

    @rule(after=st.integers(1, 90))
    def sleep(self, after: int) -> None:
        """The orchestrator was away: its timers fire late."""
        self.now += timedelta(seconds=after)
        self.give(TimerDue())

    @precondition(lambda self: self.state.status == "stuck")
    @rule(op=st.sampled_from(["retry", "retry", "skip", "compensate", "abort"]))
    def operate(self, op: str) -> None:
        try:
            self.give(Operation(name=op))  # type: ignore[arg-type]
            self.skipped |= op == "skip"
        except OperationRefused:
            assert op in ("skip", "compensate")

    @invariant()
    def a_live_saga_has_a_timer_before_its_deadline(self) -> None:
        state = getattr(self, "state", None)
        if state is None:
            return
        if state.status in ("running", "compensating"):
            assert state.next_timer_at is not None
            assert state.next_timer_at <= state.deadline_at
            assert any(run.status in ("sent", "pending") for run in state.runs.values())
        else:
            assert state.next_timer_at is None

    @invariant()
    def nothing_is_done_twice(self) -> None:
        if hasattr(self, "participants"):
            assert all(0 <= times <= 1 for times in self.participants.done.values())

    @invariant()
    def what_is_undone_is_undone_backwards(self) -> None:
        if hasattr(self, "participants") and not self.skipped:
            assert self.participants.undone == sorted(self.participants.undone, reverse=True)

    @invariant()
    def behind_the_pivot_nothing_is_undone(self) -> None:
        if not hasattr(self, "participants"):
            return
        if self.state.pivot_passed:
            assert not self.state.compensates
        pivot = self.flow.pivot
        if pivot and not self.flow.step(pivot).undo and self.participants.done[pivot, 1]:
            assert self.participants.undone == [], "whoever asks or not: the pivot is done"

    def teardown(self) -> None:
        """Everything still under way arrives; then what was done must fit what the saga became."""
        if not hasattr(self, "participants"):
            return
        for queue in self.queues.values():
            while queue:
                reply = self.participants.handle(queue.popleft(), "succeed", self.now)
                if reply is not None:
                    self.replies.append(reply)
        if self.state.status in LIVE:
            self._to_the_end()
        self._check_the_end()

    def _check_the_end(self) -> None:
        if self.skipped or self.state.status in ("aborted", "stuck"):
            return
        done = self.participants.done
        for seq in range(1, len(self.flow) + 1):
            total = sum(times for (of, _), times in done.items() if of == seq)
            run = self.state.runs.get((seq, "forward"))
            if self.state.status == "completed":
                assert run is not None
                assert total == len(run.parts), self.flow.step(seq).name
            elif self.flow.step(seq).undo or seq >= self.flow.turning_point:
                assert total == 0, f"{self.flow.step(seq).name} is left over"

    def _settle(self) -> None:
        """Everything under way goes well."""
        if self.state.next_timer_at is not None and self.state.next_timer_at <= self.now:
            self.give(TimerDue())
        for call in self.calls:
            sent = SendCommand(
                seq=call.seq, direction="forward", command_id=call.command_id, index=call.index,
                total=call.total, inputs=call.inputs,
            )  # fmt: skip
            reply = self.participants.handle(sent, "succeed", self.now)
            assert reply is not None
            self.replies.append(reply)
        self.calls = []
        for queue in self.queues.values():
            while queue:
                reply = self.participants.handle(queue.popleft(), "succeed", self.now)
                assert reply is not None
                self.replies.append(reply)
        for reply in self.replies:
            self.give(reply)
        self.replies = []

    def _to_the_end(self) -> None:
        for _ in range(400):
            if self.state.status not in ("running", "compensating"):
                return
            self._settle()
            if self.state.next_timer_at is not None:
                self.now = max(self.now, self.state.next_timer_at)
                self.give(TimerDue())
        raise AssertionError("the saga does not come to an end")


Orchestrated.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestOrchestrated = Orchestrated.TestCase
