"""SIGKILL at a labelled point of a saga's step, while the saga's row in its owner says `sent`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from e2e.invariants import await_rest, sagas_have_ended
from e2e.live_fleet import LiveFleet, Rule, until
from e2e.runs import Run, Scenario, await_end, check_run, committed, name_of, steps
from fleetgen.facts.schema import SagaFact, SagaStepFact

BEFORE_COMMIT = ("barrier.after_insert", "inbox.after_effect", "tx.before_commit")
AFTER_COMMIT = ("tx.after_commit", "inbox.after_commit", "relay.after_select")
AFTER_SENDING = ("relay.after_ack", "relay.after_delete")


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
        self.rule = Rule(case.label, step=case.step, undo=case.undo)
        self.rules = [self.rule]
        if case.label in ("tx.after_commit", "inbox.after_commit"):  # or the relay may be quicker than the kill
            self.rules.append(Rule("relay.after_select", step=case.step, undo=case.undo, how="hold"))
        self.run = Run(case.scenario, case.scenario.prepare(live))

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
        if self.case.label in AFTER_SENDING:
            self._assert_sent_and_still_in_outbox()
        else:
            self._assert_not_succeeded()
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

    def _assert_sent_and_still_in_outbox(self) -> None:
        """The broker has acknowledged the event, and the outbox still has it: it will be sent again."""
        assert self._unsent() == self.run.expected.messages[self.event]
        assert self._on_bus() == self.run.expected.messages[self.event]

    def _unsent(self) -> int:
        query = "SELECT ce_type FROM outbox WHERE headers->>'ce_correlationid' = %s AND NOT headers ? 'ce_outcome'"
        found = self.live.sql(self.step.service, query, self.run.correlation)
        return sum(1 for (ce_type,) in found if name_of(ce_type) == self.event)

    def _on_bus(self) -> int:
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


class Client:
    """Somebody who waits for an answer while the service dies, in a thread of its own."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="client")
        self._thread.start()

    def answered(self) -> None:
        """Wait for the answer; raises what went wrong."""
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        try:
            self._ask()
        except BaseException as error:
            self._failed = error


@dataclass(frozen=True)
class OwnerKill:
    """The owner of a saga dies between two of its own transactions; `detail` is the step in hand, `sent` what waits."""

    scenario: Scenario
    label: str
    detail: str
    sent: tuple[str, str]

    @property
    def name(self) -> str:
        return f"{self.scenario.name}-{self.detail}-{self.label}"

    def carry_out(self, live: LiveFleet) -> Run:
        """The run, once all is at rest again."""
        saga = live.fleet.sagas[0]
        run = Run(self.scenario, self.scenario.prepare(live))
        correlated = "SELECT saga_id::text FROM saga_instance WHERE correlation_id = %s"
        rule = Rule(self.label, detail=self.detail)
        live.arm(saga.owner, rule)
        client = Client(lambda: begin(live, saga, run))
        try:
            live.met(saga.owner, rule)
            run.saga = live.sql(saga.owner, correlated, run.correlation)[0][0]
            assert steps(live, saga.owner, run)[self.sent] == "sent"
            dead = live.kill(saga.owner)
        finally:
            live.release()
            client.answered()
        await_end(live, saga.owner, run)
        live.back(saga.owner, dead)
        await_rest(live)
        return run


@dataclass(frozen=True)
class PolicyKill:
    """A service dies between the commit of what its policies made of an event and the commit of the offset."""

    scenario: Scenario
    service: str
    event: str

    def carry_out(self, live: LiveFleet) -> Run:
        """The run, once all is at rest again."""
        facts = live.fleet.service(self.service).facts
        known = {event.name.text: event.type for event in (*facts.events, *facts.foreign_events)}
        rule = Rule("inbox.after_commit", detail=known[self.event])
        saga = live.fleet.sagas[0]
        before = live.passages(self.service, rule.label, rule.detail)
        run = Run(self.scenario, self.scenario.prepare(live))
        live.arm(self.service, rule)
        try:
            begin(live, saga, run)
            live.met(self.service, rule)
            dead = live.kill(self.service)
        finally:
            live.release()
        await_end(live, saga.owner, run)
        live.back(self.service, dead)
        await_rest(live)
        assert live.passages(self.service, rule.label, rule.detail) >= before + 2, "the record did not come again"
        return run


def begin(live: LiveFleet, saga: SagaFact, run: Run) -> None:
    """The first command, answered."""
    first = saga.steps[0]
    facts = live.fleet.service(first.service).facts
    subject = next(event.subject for event in facts.events if event.name.text == first.succeeds_with)
    reply = live.post(first.service, first.name, run.given, run.correlation)
    run.saga, run.key = reply.headers["x-saga-id"], reply.json()["data"][subject]


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
    if case.label in AFTER_SENDING:
        again = killing._on_bus()
        assert again == 2 * run.expected.messages[killing.event], "what was sent before the kill was not sent again"
