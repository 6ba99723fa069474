"""The cores of choreography together: services that hear things late, twice and in any order, and a watching owner.

Every service keeps its own history and decides alone; what was really done is counted apart. Whatever happens, in the
end everything is done, or everything is undone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chassis.saga import choreography, fulfilment
from chassis.saga.choreography import Close, RunForward, RunUndo
from chassis.saga.flow import Flow
from chassis.saga.history import SKIPPED, UNDONE, History, Notice, Seen
from chassis.saga.instance import LIVE, Announce, Decision, TimerDue
from saga_flows import PLACED, START, bound, flow, plain, source, step

LINES = source("PlaceDone.lines")
FLOWS = [
    plain("choreography"),
    flow(
        step("Place", "order", undo="Cancel"),
        step("Reserve", "stock", undo="Release", for_each=LINES, bindings=bound(sku="item.sku")),
        step("Pack", "stock", undo="Unpack", bindings=bound(orderId="PlaceDone.orderId", first="ReserveDone.of")),
        step("Pay", "payment", kind="pivot", bindings=bound(packed="PackDone.of")),
        step("Ship", "stock", kind="retriable"),
        step("Confirm", "order", kind="retriable"),
        mode="choreography",
    ),
    flow(
        step("Place", "order", undo="Cancel"),
        step("Book", "hotel", undo="Unbook"),
        step("Fly", "airline", undo="Unfly"),
        mode="choreography",
    ),
]


@dataclass
class Service:
    """A participant: what it knows, and what has yet to reach it."""

    name: str
    history: History = field(default_factory=History)
    coming: list[Seen | Notice] = field(default_factory=list)
    barrier: set[str] = field(default_factory=set)


class Choreographed(RuleBasedStateMachine):
    """One saga of one of the flows."""

    @initialize(saga=st.sampled_from(FLOWS), ahead=st.integers(0, 4))
    def begin(self, saga: Flow, ahead: int) -> None:
        self.flow, self.now = saga, START
        self.services = {name: Service(name) for name in dict.fromkeys(one.service for one in saga.steps)}
        self.done: Counter[str] = Counter(Place=1)
        self.undone: list[int] = []
        self.refused = False
        self.coming: list[Seen | Notice] = []
        first = Seen(step="Place", role="succeeded", payload=PLACED)
        self.services["order"].barrier.add("Place:forward")
        self.take(fulfilment.begin(saga, UUID(int=7), {}, PLACED, now=self.now))
        self.say(self.services["order"], first)
        for _ in range(ahead):
            self.everything_arrives()
            for service in self.services.values():
                self.act(service, "succeed")

    # -- what happens

    def tell(self, given: Seen | Notice) -> None:
        for service in self.services.values():
            service.coming.append(given)
        if isinstance(given, Seen) or given.type in (UNDONE, SKIPPED):
            self.coming.append(given)

    def hear(self, service: Service, given: Seen | Notice) -> None:
        known = service.history
        service.history = known.see(given) if isinstance(given, Seen) else known.note(given)

    def take(self, decision: Decision) -> None:
        before = getattr(self, "state", None)
        if before is not None and before.status not in LIVE:
            assert decision.state == before, "terminal never changes"
        self.state = decision.state
        for effect in decision.effects:
            if isinstance(effect, Announce):
                self.tell(Notice(type=effect.type, step=effect.step, force=effect.force))

    def watch(self, given: Seen | Notice | TimerDue) -> None:
        self.take(fulfilment.decide(self.flow, self.state, given, self.now))

    def act(self, service: Service, behaviour: str) -> bool:
        """What a service does now, if anything: as `chassis.saga.performer` does it."""
        action = choreography.due(self.flow, service.name, service.history)
        name = action.step.name if action else ""
        match action:
            case RunForward():
                assert f"{name}:forward" not in service.barrier
                service.barrier.add(f"{name}:forward")
                self.run(service, action, behaviour)
            case RunUndo():
                assert f"{name}:compensate" not in service.barrier
                service.barrier.add(f"{name}:compensate")
                self.done[name] -= 1
                self.undone.append(self.flow.seq(name))
                total = len(action.inputs)
                for index in range(1, total + 1):
                    self.say(service, Seen(step=name, role="undone", payload={}, index=index, total=total))
            case Close():
                assert self.done[name] == 0 or not action.step.undo
                service.barrier |= {f"{name}:forward", f"{name}:compensate"}
                self.say(service, Notice(type=UNDONE, step=name))
        return action is not None

    def run(self, service: Service, action: RunForward, behaviour: str) -> None:
        name, total = action.step.name, len(action.inputs)
        if behaviour == "refuse" and self.flow.seq(name) <= self.flow.turning_point:
            self.refused = True
            self.say(service, Seen(step=name, role="refused", payload={}))
            return
        self.done[name] += 1
        for index in range(1, total + 1):
            payload = {"id": f"{name}-{index}", "of": "o-1"}
            self.say(service, Seen(step=name, role="succeeded", payload=payload, index=index, total=total))

    def say(self, service: Service, given: Seen | Notice) -> None:
        self.hear(service, given)
        self.tell(given)

    # -- rules

    @rule(data=st.data(), twice=st.booleans(), behaviour=st.sampled_from(["succeed", "succeed", "refuse", "nothing"]))
    def arrives(self, data: st.DataObject, twice: bool, behaviour: str) -> None:
        """Something reaches a service, in any order, and it does what it then must."""
        waiting = [service for service in self.services.values() if service.coming]
        if not waiting:
            return
        service = data.draw(st.sampled_from(waiting))
        index = data.draw(st.integers(0, len(service.coming) - 1))
        self.hear(service, service.coming[index] if twice else service.coming.pop(index))
        if behaviour != "nothing":
            self.act(service, behaviour)

    @rule(data=st.data())
    def owner_hears(self, data: st.DataObject) -> None:
        if self.coming:
            self.watch(self.coming.pop(data.draw(st.integers(0, len(self.coming) - 1))))

    @rule()
    def waits(self) -> None:
        if self.state.next_timer_at is not None:
            self.now = max(self.now, self.state.next_timer_at)
            self.watch(TimerDue())

    @rule(after=st.integers(1, 90))
    def sleeps(self, after: int) -> None:
        self.now += timedelta(seconds=after)
        self.watch(TimerDue())

    def everything_arrives(self) -> None:
        for service in self.services.values():
            while service.coming:
                self.hear(service, service.coming.pop(0))
        while self.coming:
            self.watch(self.coming.pop(0))

    # -- what must hold

    @invariant()
    def nothing_is_done_or_undone_twice(self) -> None:
        if hasattr(self, "done"):
            assert all(0 <= times <= 1 for times in self.done.values())
            assert self.undone == sorted(self.undone, reverse=True), "strictly backwards"
            assert len(set(self.undone)) == len(self.undone)

    @invariant()
    def whoever_turned_the_point_is_never_undone(self) -> None:
        if hasattr(self, "done") and self.done[self.flow.step(self.flow.turning_point).name]:
            assert self.undone == []

    @invariant()
    def a_live_saga_has_a_timer_unless_it_is_stuck(self) -> None:
        if hasattr(self, "state"):
            waits = self.state.status in ("running", "compensating")
            assert (self.state.next_timer_at is not None) == waits
            if self.state.next_timer_at is not None:
                assert self.state.next_timer_at <= self.state.deadline_at

    def teardown(self) -> None:
        """Everything arrives, everybody acts: then it is all or nothing, and the owner knows."""
        if not hasattr(self, "done"):
            return
        for _ in range(200):
            self.everything_arrives()
            if not any([self.act(service, "succeed") for service in self.services.values()]):
                break
        turned = self.done[self.flow.step(self.flow.turning_point).name]
        for one in self.flow.steps:
            if turned:
                assert self.done[one.name] == 1, f"{one.name} is missing"
            elif one.undo:
                assert self.done[one.name] == 0, f"{one.name} is left over"
        assert self.state.status == ("completed" if turned else "compensated")


Choreographed.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestChoreographed = Choreographed.TestCase
