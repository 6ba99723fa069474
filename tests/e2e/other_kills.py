"""A service dies outside a step: the owner of a saga between two steps, or a service behind what its policies did."""

from __future__ import annotations

from dataclasses import dataclass

from e2e.invariants import await_rest
from e2e.live_fleet import LiveFleet, Rule
from e2e.runs import Client, Run, Scenario, await_end, begin, steps


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
