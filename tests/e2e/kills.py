"""SIGKILL at a labelled point of a saga's step, while the saga's row in its owner says `sent`."""

from __future__ import annotations

from dataclasses import dataclass

from e2e.invariants import await_rest, sagas_have_ended
from e2e.live_fleet import LiveFleet, Rule, until
from e2e.runs import Client, Run, Scenario, await_end, begin, check_run, committed, name_of, steps
from fleetgen.facts.schema import SagaFact, SagaStepFact

BEFORE_COMMIT = ("inbox.after_insert", "barrier.after_insert", "inbox.after_effect", "tx.before_commit")
AFTER_COMMIT = ("tx.after_commit", "inbox.after_commit", "relay.after_select")
SENDING = ("relay.after_send",)  # nobody knows yet whether the broker has it
SENT = ("relay.after_ack", "relay.after_delete")  # the outbox has it still, so it will be sent again
GONE = ("relay.after_commit",)


@dataclass(frozen=True)
class Kill:
    """One case: the service of the step dies at the label, in a run of the scenario.

    `called_off`: the run turns round because an operator calls it off while the event of that step is held back.
    """

    scenario: Scenario
    step: str
    label: str
    undo: bool = False
    called_off: str = ""

    @property
    def name(self) -> str:
        way = self.scenario.name if not self.undo else f"{self.scenario.name}-undo"
        return f"{way}-{self.step}-{self.label}"


class Killing:
    """Carries out one case."""

    def __init__(self, live: LiveFleet, case: Kill) -> None:
        self.live, self.case = live, case
        self.saga: SagaFact = next(s for s in live.fleet.sagas if any(step.name == case.step for step in s.steps))
        self.step: SagaStepFact = next(step for step in self.saga.steps if step.name == case.step)
        self.first = self.saga.steps[0]
        self.run = Run(case.scenario, case.scenario.prepare(live))
        self.rule = Rule(case.label, step=case.step, undo=case.undo)
        if case.label == "inbox.after_insert":  # the first point of all: no barrier says yet whose step it is
            self.rule = self._at_trigger()
        self.rules = [self.rule]
        if case.label in ("tx.after_commit", "inbox.after_commit"):  # or the relay may be quicker than the kill
            self.rules.append(Rule("relay.after_select", step=case.step, undo=case.undo, how="hold"))

    def _at_trigger(self) -> Rule:
        """The record that makes the step run: its command, or the (last) event of the step before."""
        if self.saga.mode == "orchestration":
            kind = self.step.undo_type if self.case.undo else self.step.command_type
            return Rule(self.case.label, detail=kind)
        assert not self.case.undo, "which event undoes a step depends on the run"
        before = self.saga.steps[self.saga.steps.index(self.step) - 1].succeeds_with
        facts = self.live.fleet.service(self.step.service).facts
        kind = next(e.type for e in (*facts.events, *facts.foreign_events) if e.name.text == before)
        return Rule(self.case.label, detail=kind, nth=self.run.expected.messages[before])

    @property
    def event(self) -> str:
        """What the killed run of the step publishes in this scenario."""
        if self.case.undo:
            return self.step.undone_with
        wanted = self.run.expected.messages
        return self.step.succeeds_with if self.step.succeeds_with in wanted else self.step.refuses_with

    def carry_out(self) -> Run:
        """Begin, kill at the point, and wait until all is at rest again."""
        if self.step is self.first and not self.case.undo:
            dead = self._kill_first_step()
        else:
            self._begin_and_reach()
            dead = self._kill()
        await_end(self.live, self.saga.owner, self.run)
        self.live.back(self.step.service, dead)
        return self.run

    def _begin(self) -> None:
        begin(self.live, self.saga, self.run)

    # -- a later step

    def _begin_and_reach(self) -> None:
        if self.case.called_off:
            self._call_off()
        else:
            self.live.arm(self.step.service, *self.rules)
            self._begin()
        self.live.met(self.step.service, self.rule)

    def _call_off(self) -> None:
        """The holder's event does not leave it until the pivot is closed, so the pivot can never have run."""
        holder = next(step for step in self.saga.steps if step.name == self.case.called_off)
        pivot = next(step for step in self.saga.steps if step.kind == "pivot")
        hold = Rule("relay.after_select", step=holder.name, how="hold")
        same = holder.service == self.step.service
        self.live.arm(holder.service, hold, *(self.rules if same else []))
        if not same:
            self.live.arm(self.step.service, *self.rules)
        self._begin()
        self.live.met(holder.service, hold)
        self._await_row(holder.name, "forward")
        self.live.operate(self.saga.owner, self.run.saga, "compensate")
        key = f"saga:{self.run.saga}:{pivot.name}:compensate"
        query = "SELECT 1 FROM inbox WHERE handler = 'saga-barrier' AND ce_id = %s"
        until(lambda: self.live.sql(pivot.service, query, key), f"{pivot.name} closed")
        if not same:
            self.live.arm(holder.service)

    def _kill(self) -> int:
        """Prove how far the step is, then kill."""
        if self.case.label in BEFORE_COMMIT + AFTER_COMMIT:
            self._assert_not_succeeded()
        else:
            self._assert_sent()
        expected = 0 if self.case.label in BEFORE_COMMIT else self.run.expected.messages[self.event]
        assert committed(self.live, self.step.service, self.run, self.event) == expected
        return self.live.kill(self.step.service)

    def _assert_not_succeeded(self) -> None:
        """The saga's row says `sent` of this very step.

        Where the owner of a choreography serves a step itself, it takes note of the step before, carries its own out
        and takes note of that in one transaction: then the row of the step before says `sent` before that commit, and
        behind it the event lies in the outbox.
        """
        if self.case.undo:
            name, direction = self.step.undo, "compensate"
        else:
            name, direction = self.step.name, "forward"
        if self.saga.mode == "choreography" and self.step.service == self.saga.owner:
            if self.case.label not in BEFORE_COMMIT:
                assert self._unsent() == self.run.expected.messages[self.event]
                return
            if not self.case.undo:
                name = self.saga.steps[self.saga.steps.index(self.step) - 1].name

        self._await_row(name, direction)

    def _await_row(self, name: str, direction: str) -> None:
        """The owner hears of the step before over the bus; of this one it cannot hear, so `sent` stays."""

        def found() -> dict[tuple[str, str], str]:
            return steps(self.live, self.saga.owner, self.run)

        until(lambda: found().get((name, direction)) == "sent", lambda: f"{name} sent; {found()}")

    def _assert_sent(self) -> None:
        """The relay has the event in hand: how far it came with it shows in the outbox and on the bus."""
        whole = self.run.expected.messages[self.event]
        assert self._unsent() == (0 if self.case.label in GONE else whole)
        assert self.case.label in SENDING or self.on_bus() == whole

    def _unsent(self) -> int:
        query = "SELECT ce_type FROM outbox WHERE headers->>'ce_correlationid' = %s AND NOT headers ? 'ce_outcome'"
        found = self.live.sql(self.step.service, query, self.run.correlation)
        return sum(1 for (ce_type,) in found if name_of(ce_type) == self.event)

    def on_bus(self) -> int:
        return sum(
            1
            for record in self.live.bus.read()
            if record.headers.get("ce_correlationid") == self.run.correlation
            and name_of(record.ce_type) == self.event
            and not record.is_reply
        )

    # -- the first step

    def _kill_first_step(self) -> int:
        """Its client has no answer yet and asks again with the same key."""
        self.live.arm(self.step.service, *self.rules)
        client = Client(self._begin)
        try:
            self.live.met(self.step.service, self.rule)
            begun = 0 if self.case.label in BEFORE_COMMIT else 1
            assert committed(self.live, self.step.service, self.run, self.event) == begun
            query = "SELECT saga_id FROM saga_instance WHERE correlation_id = %s"
            found = self.live.sql(self.saga.owner, query, self.run.correlation)
            assert len(found) == begun
            for (self.run.saga,) in found:
                rows = steps(self.live, self.saga.owner, self.run)
                assert rows[self.step.name, "forward"] == "succeeded"
                assert rows[self.saga.steps[1].name, "forward"] == "sent"
        finally:
            dead = self.live.kill(self.step.service)
            client.answered()
        return dead


def kill_and_check(live: LiveFleet, case: Kill) -> None:
    """The whole of a case."""
    killing = Killing(live, case)
    try:
        run = killing.carry_out()
    finally:
        live.release()
    await_rest(live)
    check_run(live, run)
    sagas_have_ended(live)
    if case.label in SENT:
        again = killing.on_bus()
        assert again == 2 * run.expected.messages[killing.event], "what was sent before the kill was not sent again"
